"""Tests that the troubleshooting page quotes messages exactly as they are in the source."""

import ast
import re
from pathlib import Path

import pytest
from tests.docs.sentences import text_of

ROOT = Path(__file__).parents[2]
_QUOTED = re.compile(r"`([^`]+)`")
_MIN_LENGTH = 8
"""The minimum length of a piece, because shorter pieces occur everywhere."""


@pytest.mark.suite("integration")  # It parses the whole source.
def test_every_quoted_message_exists() -> None:
    """Readers search the page for the message that the program printed."""
    files = [*(ROOT / "src").rglob("*.py")]
    texts = "\n".join(
        " ".join(text.split())
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if (text := text_of(node))
    )
    rows = (ROOT / "docs/guides/troubleshooting.md").read_text().splitlines()
    cells = [row.partition(" | ")[0] for row in rows if row.startswith("| `")]
    messages = [text for cell in cells for text in _QUOTED.findall(cell) if " " in text]

    assert messages
    assert [] == [
        message
        for message in messages
        if not all(piece in texts for piece in _pieces(message) if len(piece) >= _MIN_LENGTH)
    ]


def _pieces(message: str) -> list[str]:
    """Return the constant parts of a message, between the inserted values."""
    return [part.strip() for part in message.split("…")]
