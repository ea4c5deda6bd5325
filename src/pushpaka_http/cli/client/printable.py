"""What programs have said, for a terminal: it may be coloured, and do nothing else."""

import re

from pushpaka_core.domain.plain_text import clean

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_RESET = "\x1b[0m"


def printable(text: str, *, in_colours: bool = False) -> str:
    """Return *text* in one line, without what a terminal obeys; colours end where it ends."""
    harmless = clean(text)
    if not in_colours:
        return _COLOURS.sub("", harmless)
    return f"{harmless}{_RESET}" if "\x1b" in harmless else harmless
