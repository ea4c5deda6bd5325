"""What is told of messages is told of messages that there are."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TypeGuard

from tests.docs.sentences import text_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text()
ERRORS = ("src/pushpaka_core/errors.py", "src/pushpaka_http/client/errors.py")
_MESSAGE = re.compile(r"`([^`]+)`")
_LEAST = 8
"""Characters of a piece that is looked for; shorter ones are everywhere."""


def messages() -> Iterator[str]:
    """Yield what is quoted in the first cells of the tables, but for names within a sentence."""
    for line in PAGE.splitlines():
        first = line.partition(" | ")[0]
        if first.startswith("| `"):
            yield from (text for text in _MESSAGE.findall(first) if " " in text)


@cache
def sources() -> str:
    """Return all texts of the source, with … for what is put into them."""
    files = (ROOT / "src").rglob("*.py")
    return "\n".join(text for file in files for text in _texts(ast.parse(file.read_text())))


def test_every_quoted_message_is_one_of_the_source() -> None:
    """Somebody who searches for a message finds what it says today."""
    missing = [
        message
        for message in messages()
        if not all(piece in sources() for piece in _pieces(message))
    ]

    assert [] == missing
    assert 120 < sum(1 for _ in messages())


def test_every_error_with_a_message_of_its_own_is_covered() -> None:
    """What a class always says is explained once."""
    told = [max(pieces, key=len) for message in messages() if (pieces := _pieces(message))]
    missing = [
        (name, text)
        for file in ERRORS
        for name, text in _own_messages(file).items()
        if not any(piece in text for piece in told)
    ]

    assert [] == missing


def _pieces(message: str) -> list[str]:
    parts = (part.strip() for part in message.split("…"))
    return [part for part in parts if len(part) >= _LEAST]


def _own_messages(file: str) -> Mapping[str, str]:
    """Return the texts of the constructors, by the names of their classes."""
    kinds = [node for node in ast.parse((ROOT / file).read_text()).body if _is_class(node)]
    return {
        kind.name: text
        for kind in kinds
        for call in ast.walk(kind)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
        for text in map(text_of, call.args)
        if text and _pieces(text)
    }


def _is_class(node: ast.AST) -> TypeGuard[ast.ClassDef]:
    return isinstance(node, ast.ClassDef)


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if text := text_of(node):
            yield " ".join(text.split())
