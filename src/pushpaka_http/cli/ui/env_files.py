"""Parses and writes `.env` files."""

import re
from collections.abc import Iterable, Mapping

import click

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BEGINNING = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[^\s=]+)[ \t]*=[ \t]*")
_QUOTED = re.compile(r"""'(?P<raw>[^']*)'|"(?P<escaped>(?:[^"\\]|\\.)*)\"""", re.DOTALL)
_PLAIN = re.compile(r"[^\n]*")
_COMMENT = re.compile(r"(?:^|[ \t])#.*")
_LINE_END = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def read_env(text: str, name: str) -> dict[str, str]:
    r"""
    Return the environment variables in *text*, the content of the file *name*.

    A line is NAME=VALUE, with an optional "export" before it. A quoted value may span several
    lines; in double quotes \n, \t, \" and \\ are escape sequences, as in shells and in dotenv. An
    unquoted value ends before a "#" that follows a space.

    Raises:
        click.UsageError: If a line is invalid. The message contains the number of the line.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    values: dict[str, str] = {}
    at = 0
    while at < len(text):
        if empty := _LINE_END.match(text, at):
            at = empty.end()
            continue
        key, value, at = _variable(text, at, name)
        values[key] = value
    return values


def names_as_env(names: Iterable[str]) -> str:
    """Return a `.env` file with *names*, sorted and without values."""
    return "".join(f"{name}=\n" for name in sorted(set(names)))


def _variable(text: str, offset: int, file: str) -> tuple[str, str, int]:
    """Return name and value of the variable at *offset*, and the offset of the next line."""
    line = text.count("\n", 0, offset) + 1
    beginning = _BEGINNING.match(text, offset)
    if beginning is None or not _NAME.fullmatch(beginning["name"]):
        raise click.UsageError(
            f"Line {line} of {file} does not have the form NAME=VALUE. Correct the line."
        )
    after = beginning.end()
    if text[after : after + 1] not in {"'", '"'}:
        plain = _PLAIN.match(text, after)
        written = plain[0] if plain else ""
        return beginning["name"], _COMMENT.sub("", written).strip(), after + len(written) + 1
    quoted = _QUOTED.match(text, after)
    end = _LINE_END.match(text, quoted.end()) if quoted else None
    if quoted is None or end is None:
        raise click.UsageError(
            f"Line {line} of {file} has an unterminated quote, or text after the closing quote. "
            "Correct the line."
        )
    return beginning["name"], _unquote(quoted), end.end()


def _unquote(quoted: Mapping[str, str | None] | re.Match[str]) -> str:
    if quoted["raw"] is not None:
        return str(quoted["raw"])
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), str(quoted["escaped"]))
