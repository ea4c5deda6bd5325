"""The table of faults names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMED = re.findall(r"`([\w/.]+\.py)::(\w+)`", (ROOT / "docs" / "faults.md").read_text())


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_every_fault_is_shown_by_a_test_that_there_is(file: str, test: str) -> None:
    """Whoever renames a test finds its row."""
    assert f"def {test}(" in (ROOT / file).read_text()
