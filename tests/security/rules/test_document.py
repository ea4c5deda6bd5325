"""Tests that security documents name exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TABLES = ("docs/contributing/hostile-input.md", "docs/contributing/security-tests.md")
DOCUMENTS = ("SECURITY.md", "docs/explanation/guarantees.md", *TABLES)
NAMED = re.compile(r"`(?P<file>(?:tests|src)/[\w/.-]+?)(?:::(?P<test>\w+))?`")


def references_in(document: str) -> Iterator[tuple[str, str | None]]:
    """Yield each file that a document names, with the test that it names there, or None."""
    for match in NAMED.finditer((ROOT / document).read_text()):
        yield match["file"], match["test"]


@cache
def functions_of(file: str) -> frozenset[str]:
    """Return the names of all functions in a file."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    tree = ast.walk(ast.parse((ROOT / file).read_text()))
    return frozenset(node.name for node in tree if isinstance(node, functions))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_named_test_exists(document: str) -> None:
    missing = [
        (file, test)
        for file, test in references_in(document)
        if not (ROOT / file).exists() or (test and test not in functions_of(file))
    ]

    assert [] == missing


@pytest.mark.parametrize("table", TABLES)
def test_every_row_names_a_test(table: str) -> None:
    lines = (ROOT / table).read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.endswith("| Shown by |")]

    assert rows
    assert [] == [row for row in rows if not NAMED.search(row)]
