"""The list of contract suites that an adapter has to pass."""

import ast
from pathlib import Path

from docs.generator.markdown import code, prose, table

import pushpaka_core.testing

_FOLDER = Path(pushpaka_core.testing.__file__).parent


def suites(_words: str = "") -> str:
    """Return a row for each module of `pushpaka_core.testing` that holds tests."""
    rows = [row for module in sorted(_FOLDER.glob("*.py")) if (row := _row(module))]
    return table(["Module", "Tests", "What it is for"], rows)


def _row(module: Path) -> list[str] | None:
    tree = ast.parse(module.read_text())
    tests = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]
    if not tests:
        return None
    about = (ast.get_docstring(tree) or "").partition("\n\n")[0]
    return [code(f"pushpaka_core.testing.{module.stem}"), str(len(tests)), prose(about)]
