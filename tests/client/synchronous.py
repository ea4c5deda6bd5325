"""
Generates the synchronous client from the asynchronous one, token by token.

    python -m tests.client.synchronous
"""

import tokenize
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

HOME = Path(__file__).parents[2] / "src" / "pushpaka_http" / "client"
SOURCE = HOME / "asynchronous"
TARGET = HOME / "synchronous"
GONE = frozenset({"async", "await"})
WORDS: Mapping[str, str] = {
    "AsyncClient": "Client",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "aclosing": "closing",
    "aiter_bytes": "iter_bytes",
    "aiter_sse": "iter_sse",
    "anyio": "time",
    "aread": "read",
    "asynccontextmanager": "contextmanager",
    "asynchronous": "synchronous",
}
PREFIX = "Async"


def sources() -> list[Path]:
    """Return the modules of the asynchronous client."""
    return sorted(SOURCE.glob("*.py"))


def synchronous(code: str) -> str:
    """Return *code* without asynchronous syntax. The lines keep their numbers."""
    lines = code.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(StringIO(code).readline))):
        if token.type == tokenize.NAME:
            _replace(lines, token)
    return "".join(lines)


def _replace(lines: list[str], token: tokenize.TokenInfo) -> None:
    (row, start), (_, end) = token.start, token.end
    line, word = lines[row - 1], token.string
    new = "" if word in GONE else WORDS.get(word, word.removeprefix(PREFIX))
    rest = line[end:].removeprefix(" ") if word in GONE else line[end:]
    lines[row - 1] = line[:start] + new + rest


def write() -> None:
    """Generate all modules."""
    TARGET.mkdir(exist_ok=True)
    for old in TARGET.glob("*.py"):
        old.unlink()
    for source in sources():
        (TARGET / source.name).write_text(synchronous(source.read_text()))


if __name__ == "__main__":
    write()
