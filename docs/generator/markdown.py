"""Formats Markdown."""

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"[<>*_\[\]|$](?=(?:[^`]*`[^`]*`)*[^`]*$)")
"""Markup outside of backticks."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table without its empty columns."""
    columns = [column for column in zip(head, *rows, strict=True) if any(column[1:])]
    lines = [" | ".join(map(_cell, line)) for line in zip(*columns, strict=True)]
    lines.insert(1, " | ".join("---" for _ in columns))
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def code(text: str) -> str:
    """Return *text* as inline code."""
    return f"`{text}`" if text else ""


def prose(text: str) -> str:
    """Return plain text as Markdown. Code in backticks stays code."""
    return _MARKUP.sub(r"\\\g<0>", text)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
