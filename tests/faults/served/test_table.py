"""The table of faults has all that was promised, and names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TABLE = (ROOT / "docs" / "faults.md").read_text()
NAMED = re.findall(r"`([\w/.]+\.py)::(\w+)`", TABLE)
PROMISED = {
    *range(1, 10), 11, *range(13, 20), *range(21, 29), *range(31, 35), *range(36, 40),
}  # fmt: skip
"""The numbers of the faults that a host may have with its programs, engine, database and router."""


def test_every_fault_that_was_promised_has_its_row() -> None:
    """Each row begins with its number."""
    numbers = {int(number) for number in re.findall(r"^\| F(\d\d) ", TABLE, re.MULTILINE)}

    assert set() == PROMISED - numbers


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_every_fault_is_shown_by_a_test_that_there_is(file: str, test: str) -> None:
    """Whoever renames a test finds its row."""
    assert f"def {test}(" in (ROOT / file).read_text()
