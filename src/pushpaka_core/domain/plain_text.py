"""Text that does nothing to whoever looks at it."""

import re

_UNSAFE = re.compile(
    r"(\x1b\[[0-9;]{0,32}m)|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Return *text* without what a terminal or a page may obey, but TAB and colours (SGR)."""
    return text if text.isprintable() else _UNSAFE.sub(lambda match: match[1] or "", text)
