"""How generated Markdown is written."""

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"[<>*_\[\]|$]")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, each of whose cells is one line, without the columns that say nothing."""
    cells = list(rows)
    told = [index for index in range(len(head)) if any(row[index] for row in cells)]
    kept = [[row[index] for index in told] for row in (head, *cells)]
    lines = [kept[0], ["---"] * len(told), *kept[1:]]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines) + "\n"


def code(text: str) -> str:
    """Return *text* as code within a line."""
    return f"`{text}`" if text else ""


def prose(text: str) -> str:
    """Return a text of people as Markdown, in which only its code within backticks is marked up."""
    parts = text.split("`")
    return "`".join(_escaped(part) if index % 2 == 0 else part for index, part in enumerate(parts))


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", text)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
