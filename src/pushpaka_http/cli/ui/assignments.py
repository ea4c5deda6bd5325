"""Parses NAME=VALUE arguments of the command line."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click


def read_assignments(arguments: Sequence[str]) -> dict[str, str]:
    """
    Return the values of *arguments* by name. "-" reads a value from stdin, and "@FILE" from a file.

    If stdin is a terminal, "-" asks for the value without echo. A trailing line break of stdin or
    of the file is removed.

    Raises:
        click.UsageError: If an argument is not an assignment, or a value cannot be read.
    """
    values = {}
    for word in arguments:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise click.UsageError(
                f'"{word[:100]}" does not have the form NAME=VALUE. Write for example '
                "LOG_LEVEL=debug."
            )
        values[name] = read_value(value, name)
    return values


def read_value(text: str, name: str) -> str:
    """
    Return *text*, or the contents of stdin if *text* is "-", or of a file if *text* is "@FILE".

    If stdin is a terminal, "-" asks for the value *name* without echo.

    Raises:
        click.UsageError: If the file cannot be read.
    """
    if text == "-":
        if sys.stdin.isatty():
            return str(click.prompt(name, hide_input=True, err=True))
        return _without_line_break(read_file("-"))
    if text.startswith("@") and len(text) > 1:
        return _without_line_break(read_file(text[1:]))
    return text


def read_file(name: str) -> str:
    """
    Return the text of the file *name*, or of stdin if *name* is "-".

    Raises:
        click.UsageError: If the file cannot be read or is not UTF-8.
    """
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).read_text()
    except UnicodeDecodeError:
        raise click.UsageError(
            f"{name} is not encoded in UTF-8. Save it as UTF-8, then try again."
        ) from None
    except OSError as error:
        raise click.UsageError(
            f"{name} cannot be read: {error.strerror}. Check the file name and its permissions."
        ) from None


def _without_line_break(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
