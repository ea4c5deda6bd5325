"""Files of env vars, as in `.env`."""

import re
from collections.abc import Iterable, Mapping

import click

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BEGINNING = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[^\s=]+)[ \t]*=[ \t]*")
_QUOTED = re.compile(r"""'(?P<raw>[^']*)'|"(?P<escaped>(?:[^"\\]|\\.)*)\"""", re.DOTALL)
_PLAIN = re.compile(r"[^\n]*")
_COMMENT = re.compile(r"(?:^|[ \t])#.*")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_EMPTY = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def read_env(text: str, name: str) -> dict[str, str]:
    r"""
    Return the env vars in *text*, the content of the file *name*.

    A line is NAME=VALUE, with or without "export" before it. A value in quotes may have several
    lines; in double ones \n, \t, \" and \\ are what they are in shells and in dotenv. One
    without quotes ends before a "#" with a space before it.

    Raises:
        click.UsageError: With the line that is something else.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    values: dict[str, str] = {}
    at = 0
    while at < len(text):
        if empty := _EMPTY.match(text, at):
            at = empty.end()
            continue
        key, value, at = _variable(text, at, name)
        values[key] = value
    return values


def names_as_env(names: Iterable[str]) -> str:
    """Return a file that gives each of *names* once, without a value."""
    return "".join(f"{name}=\n" for name in sorted(set(names)))


def _variable(text: str, at: int, file: str) -> tuple[str, str, int]:
    """Return name and value of the env var that begins there, and where its line ends."""
    line = text.count("\n", 0, at) + 1
    beginning = _BEGINNING.match(text, at)
    if beginning is None or not _NAME.fullmatch(beginning["name"]):
        raise click.UsageError(f"Line {line} of {file} is not of the form NAME=VALUE.")
    after = beginning.end()
    if text[after : after + 1] not in {"'", '"'}:
        plain = _PLAIN.match(text, after)
        written = plain[0] if plain else ""
        return beginning["name"], _COMMENT.sub("", written).strip(), after + len(written) + 1
    quoted = _QUOTED.match(text, after)
    end = _REST.match(text, quoted.end()) if quoted else None
    if quoted is None or end is None:
        raise click.UsageError(f"Line {line} of {file} has a quote that does not end its value.")
    return beginning["name"], _unquoted(quoted), end.end()


def _unquoted(quoted: Mapping[str, str | None] | re.Match[str]) -> str:
    if quoted["raw"] is not None:
        return str(quoted["raw"])
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), str(quoted["escaped"]))
