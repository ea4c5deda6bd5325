"""What people write as NAME=VALUE on the command line."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click


def read_assignments(words: Sequence[str]) -> dict[str, str]:
    """
    Return the values by their names; "-" is the input, "@file" what is in a file.

    The line break at the end of an input or a file is none of the value.

    Raises:
        click.UsageError: If a word is no assignment, or its value cannot be read.
    """
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise click.UsageError(f'"{word[:100]}" is not of the form NAME=VALUE.')
        values[name] = read_value(value)
    return values


def read_value(written: str) -> str:
    """
    Return a value, which "-" leaves to the input and "@file" to a file.

    Raises:
        click.UsageError: If it cannot be read.
    """
    if written == "-":
        return _without_end(read_file("-"))
    if written.startswith("@") and len(written) > 1:
        return _without_end(read_file(written[1:]))
    return written


def read_file(name: str) -> str:
    """
    Return the text of the file *name*, "-" being the input.

    Raises:
        click.UsageError: If it cannot be read.
    """
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).read_text()
    except UnicodeDecodeError:
        raise click.UsageError(f"{name} is not a text in UTF-8.") from None
    except OSError as error:
        raise click.UsageError(f"{name} cannot be read: {error.strerror}.") from None


def _without_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
