"""The output of commands: results to stdout, messages to stderr, and JSON on request."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import UUID

import attrs
import click
from attrs import frozen

from pushpaka_core.domain.logs.redaction import strip_control_characters

if TYPE_CHECKING:
    from rich.text import Text

T_co = TypeVar("T_co", covariant=True)

Columns = Mapping[str, str | Callable[[Any], object]]
"""
The columns of a table by heading. A column is the name of an attribute, or a function that returns
the value.
"""

_STATUS_COLORS: Mapping[str, str] = {
    **dict.fromkeys(("active", "running", "verified"), "green"),
    **dict.fromkeys(("queued", "building", "deploying", "pending", "lapsing"), "yellow"),
    **dict.fromkeys(("crashed", "failed"), "red"),
}
"""The terminal colors of the statuses in the API."""
_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_RESET = "\x1b[0m"


class Listing(Protocol[T_co]):
    """A list response of the API."""

    @property
    def data(self) -> Sequence[T_co]:
        """Return the items."""
        ...


@frozen
class Output:
    """Prints the results and messages of a command, as text or JSON."""

    is_json: bool = False

    def table(self, listing: Listing[object], columns: Columns, *, empty_message: str) -> None:
        """Print a table with a row for each item, or *empty_message* if there are none."""
        if self.is_json:
            self.json(listing)
        elif not listing.data:
            self.message(empty_message)
        else:
            rows = [_cells(value, columns) for value in listing.data]
            _show_table([heading.upper() for heading in columns], rows)

    def fields(self, value: object, columns: Columns) -> None:
        """Print an object with a line for each field."""
        if self.is_json:
            self.json(value)
        else:
            widest = max(len(heading) for heading in columns)
            for heading, text in zip(columns, _cells(value, columns), strict=True):
                click.echo(f"{heading:{widest}}  {text}")

    def headline(self, sentence: str, status: str) -> None:
        """Print *sentence* in the color of *status*, a status of the API."""
        color = _STATUS_COLORS.get(status)
        click.secho(escape_lines(sentence), fg=color, bold=True, color=has_colors())

    def result(self, value: object, *sentences: str) -> None:
        """Print *sentences*, or *value* as JSON."""
        if self.is_json:
            self.json(value)
        else:
            for sentence in sentences:
                click.echo(escape_lines(sentence))

    def message(self, sentence: str) -> None:
        """Print a message to stderr, unless the output is JSON."""
        if not self.is_json:
            click.echo(escape_lines(sentence), err=True)

    def next_step(self, command: str) -> None:
        """Suggest the next command."""
        self.message(f"Next: {command}")

    def json(self, value: object) -> None:
        """Print *value* as JSON, in the format of the API."""
        click.echo(as_json(value))


def as_json(value: object, *, indent: int | None = 2) -> str:
    """Return *value* as JSON in the format of the API, on one line if *indent* is None."""
    return json.dumps(value, default=_json_value, indent=indent)


def escape_control(text: str) -> str:
    """
    Return *text* with control characters escaped, so that a server cannot control the
    terminal.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def escape_lines(text: str) -> str:
    """Return *text* with control characters escaped, except line breaks."""
    return "\n".join(map(escape_control, text.splitlines()))


def has_colors() -> bool:
    """Return True if stdout is a terminal with colors, and the user has not disabled colors."""
    is_disabled = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not is_disabled


def display_value(value: object) -> str:
    """Return a value from the API as text for users."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        case str():
            return escape_control(value) or "-"
        case Iterable():
            return ", ".join(display_value(one) for one in value) or "-"
        case _:
            return escape_control(str(value))


def _cells(value: object, columns: Columns) -> list[str]:
    return [
        display_value(attrgetter(column)(value) if isinstance(column, str) else column(value))
        for column in columns.values()
    ]


def _show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if has_colors():
        _show_rich_table(headings, rows)
        return
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        padded = (f"{text:{width}}" for text, width in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _show_rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(_styled_cell, headings, row))
    Console(highlight=False).print(table)


def _styled_cell(heading: str, text: str) -> "Text":
    from rich.text import Text

    return Text(text, _STATUS_COLORS.get(text, "") if heading == "STATUS" else "")


def _json_value(value: object) -> object:
    """Convert a value that JSON does not support to its format in the API."""
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Enum():
            return value.value
        case Mapping():
            return dict(value)
    kind = type(value)
    if attrs.has(kind):
        return {each.name: getattr(value, each.name) for each in attrs.fields(kind)}
    raise TypeError(f"{type(value).__name__} cannot be converted to JSON")


def terminal_safe(text: str, *, keeps_colors: bool = False) -> str:
    """Return *text* as one line without control sequences, except colors if *keeps_colors*."""
    harmless = strip_control_characters(text)
    if not keeps_colors:
        return _COLORS.sub("", harmless)
    return f"{harmless}{_RESET}" if "\x1b" in harmless else harmless
