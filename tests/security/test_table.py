"""The table of hostile input names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "hostile-input.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/.]+\.py)::(\w+)`", TABLE)))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_what_is_tried_is_shown_by_a_test_that_there_is(file: str, test: str) -> None:
    """Whoever renames a test finds its row."""
    assert f"def {test}(" in (ROOT / file).read_text()
