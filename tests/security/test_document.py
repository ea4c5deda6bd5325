"""What documents say is tested is tested."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = ("docs/hostile-input.md", "docs/security-tests.md")
DOCUMENTS = ("SECURITY.md", "docs/promises.md", *TABLES)
NAMED = re.compile(r"`(?P<file>(?:tests|src)/[\w/.-]+?)(?:::(?P<test>\w+))?`")


def named_in(document: str) -> Iterator[tuple[str, str | None]]:
    """Yield the files that are named, each with the test in it where one is."""
    for match in NAMED.finditer((ROOT / document).read_text()):
        yield match["file"], match["test"]


@cache
def functions_of(file: str) -> frozenset[str]:
    """Return the names of all functions in a file."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    tree = ast.walk(ast.parse((ROOT / file).read_text()))
    return frozenset(node.name for node in tree if isinstance(node, functions))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_named_test_is_there(document: str) -> None:
    """A test that was renamed or removed shows nothing any more."""
    missing = [
        (file, test)
        for file, test in named_in(document)
        if not (ROOT / file).exists() or (test and test not in functions_of(file))
    ]

    assert [] == missing


@pytest.mark.parametrize("table", TABLES)
def test_every_row_names_a_test(table: str) -> None:
    """What is not shown is not promised."""
    lines = (ROOT / table).read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.endswith("| Shown by |")]

    assert rows
    assert [] == [row for row in rows if not NAMED.search(row)]
