"""
Lets pytest run the code of pages: `python -m pytest -p tests.docs.plugin docs README.md`.

Each block is a test, named by its line. CONTRIBUTING.md says how pages are written for it.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example, Sybil
from tests.docs.console import run_console, write_file
from tests.docs.documents import judge_json, judge_shell, judge_toml, judge_unit, judge_yaml
from tests.docs.fences import FILE, Fences, Run, not_run_of
from tests.docs.python import run_python
from tests.docs.worlds import open_world

ROOT = Path(__file__).parent.parent.parent
PAGES = ("*.md", "docs/**/*.md", "examples/**/*.md")


def _in_its_world(run: Run) -> Run:
    """Have the world of a page made before the first block of it is run."""

    def evaluate(example: Example) -> None:
        __tracebackhide__ = True
        names = example.namespace
        if "world" not in names:
            names["world"] = names["until its end"].enter_context(open_world(example.document.text))
        run(example)

    return evaluate


def _begin(names: dict[str, Any]) -> None:
    names["until its end"] = ExitStack()


def _end(names: dict[str, Any]) -> None:
    names["until its end"].close()


_RUNS = {
    FILE: write_file,
    "console": run_console,
    "ini": judge_unit,
    "json": judge_json,
    "python": run_python,
    "sh": judge_shell,
    "toml": judge_toml,
    "yaml": judge_yaml,
}
pytest_collect_file = Sybil(
    parsers=[Fences({name: _in_its_world(run) for name, run in _RUNS.items()})],
    patterns=["*.md"],
    path=str(ROOT),
    setup=_begin,
    teardown=_end,
).pytest()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what of the pages is not run, and why."""
    pages = [page for pattern in PAGES for page in sorted(ROOT.glob(pattern))]
    documents = [Document(page.read_text(), str(page.relative_to(ROOT))) for page in pages]
    blocks = [block for document in documents for block in not_run_of(document)]
    terminalreporter.section(f"not run: {len(blocks)}")
    for block in blocks:
        terminalreporter.line(f"{block.place}: {block.reason}")
