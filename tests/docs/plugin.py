"""
Runs the code of pages as tests: `python -m pytest -p tests.docs.plugin docs README.md`.

Each block is a test, named by its line. CONTRIBUTING.md describes how to write pages.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example, Sybil
from tests.docs.console import run_console, write_file
from tests.docs.documents import check_json, check_shell, check_toml, check_unit, check_yaml
from tests.docs.environments import open_page_environment
from tests.docs.fences import FILE, Fences, Run, skipped_blocks
from tests.docs.python import run_python

ROOT = Path(__file__).parent.parent.parent
PAGES = ("*.md", "docs/**/*.md", "examples/**/*.md")


def _prepare_environment(run: Run) -> Run:
    """Prepare the environment of a page before the page's first block runs."""

    def evaluate(example: Example) -> None:
        __tracebackhide__ = True
        names = example.namespace
        if "page_environment" not in names:
            names["page_environment"] = names["until its end"].enter_context(
                open_page_environment(example.document.text)
            )
        run(example)

    return evaluate


def _begin(names: dict[str, Any]) -> None:
    names["until its end"] = ExitStack()


def _end(names: dict[str, Any]) -> None:
    names["until its end"].close()


_RUNS = {
    FILE: write_file,
    "console": run_console,
    "ini": check_unit,
    "json": check_json,
    "python": run_python,
    "sh": check_shell,
    "toml": check_toml,
    "yaml": check_yaml,
}
pytest_collect_file = Sybil(
    parsers=[Fences({name: _prepare_environment(run) for name, run in _RUNS.items()})],
    patterns=["*.md"],
    path=str(ROOT),
    setup=_begin,
    teardown=_end,
).pytest()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the blocks that are not run, with the reasons."""
    pages = [page for pattern in PAGES for page in sorted(ROOT.glob(pattern))]
    documents = [Document(page.read_text(), str(page.relative_to(ROOT))) for page in pages]
    blocks = [block for document in documents for block in skipped_blocks(document)]
    terminalreporter.section(f"not run: {len(blocks)}")
    for block in blocks:
        terminalreporter.line(f"{block.place}: {block.reason}")
