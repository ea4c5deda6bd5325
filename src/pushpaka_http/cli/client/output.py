"""What commands print: results to the output, talk to the error stream, JSON where it is wanted."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from operator import attrgetter
from typing import Any, Protocol, TypeVar
from uuid import UUID

import attrs
import click
from attrs import frozen

T_co = TypeVar("T_co", covariant=True)

Columns = Mapping[str, str | Callable[[Any], object]]
"""What is shown of a thing under which heading: an attribute, or what a function makes of it."""


class Listing(Protocol[T_co]):
    """A list as the API has it."""

    @property
    def data(self) -> Sequence[T_co]:
        """Return what is in it."""
        ...


@frozen
class Output:
    """How one command shows what has come of it."""

    is_json: bool = False

    def table(self, listing: Listing[object], columns: Columns, *, empty: str) -> None:
        """Show a list: a line for each thing in it, or a sentence where there is none."""
        if self.is_json:
            self.json(listing)
        elif not listing.data:
            self.say(empty)
        else:
            rows = [_cells(thing, columns) for thing in listing.data]
            _show_table([heading.upper() for heading in columns], rows)

    def fields(self, thing: object, columns: Columns) -> None:
        """Show one thing: a line for each of its fields."""
        if self.is_json:
            self.json(thing)
        else:
            widest = max(len(heading) for heading in columns)
            for heading, text in zip(columns, _cells(thing, columns), strict=True):
                click.echo(f"{heading:{widest}}  {text}")

    def result(self, thing: object, *sentences: str) -> None:
        """Show what has become of a thing, in words."""
        if self.is_json:
            self.json(thing)
        else:
            for sentence in sentences:
                click.echo(in_lines(sentence))

    def say(self, sentence: str) -> None:
        """Talk to whoever reads along; programs that read JSON are left alone."""
        if not self.is_json:
            click.echo(in_lines(sentence), err=True)

    def next_step(self, command: str) -> None:
        """Suggest what to do next."""
        self.say(f"Next: {command}")

    def json(self, thing: object) -> None:
        """Print an object of the API as the API sends it."""
        click.echo(as_json(thing))


def as_json(thing: object, *, indent: int | None = 2) -> str:
    """Return an object of the API as the API sends it; without *indent*, in one line."""
    return json.dumps(thing, default=_wire, indent=indent)


def harmless(text: str) -> str:
    """Return *text* with what a terminal would obey spelled out."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def in_lines(text: str) -> str:
    """Return *text* with what a terminal would obey spelled out, but the ends of its lines."""
    return "\n".join(map(harmless, text.splitlines()))


def is_rich() -> bool:
    """Tell whether whoever reads the output sees colours and lines, and wants to."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def shown(value: object) -> str:
    """Return a value of the API as a person reads it."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        case str():
            return harmless(value) or "-"
        case Iterable():
            return ", ".join(shown(one) for one in value) or "-"
        case _:
            return harmless(str(value))


def _cells(thing: object, columns: Columns) -> list[str]:
    return [
        shown(attrgetter(column)(thing) if isinstance(column, str) else column(thing))
        for column in columns.values()
    ]


def _show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if is_rich():
        _show_rich_table(headings, rows)
        return
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        padded = (f"{text:{width}}" for text, width in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _show_rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)


def _wire(value: object) -> object:
    """Return what JSON has no form for in the form of the API."""
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
    raise TypeError(f"{type(value).__name__} has no form in JSON")
