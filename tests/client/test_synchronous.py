"""Tests that the synchronous client is generated from the asynchronous client."""

from pathlib import Path

import pytest
from tests.client.synchronous import TARGET, sources, synchronous


@pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)
def test_generated_modules_are_current(source: Path) -> None:
    """
    Each module equals the output of the generator.

    If this fails, run `python -m tests.client.synchronous`.
    """
    assert synchronous(source.read_text()) == (TARGET / source.name).read_text()


def test_there_are_no_other_modules() -> None:
    """Modules whose source is gone have been removed."""
    assert {path.name for path in sources()} == {path.name for path in TARGET.glob("*.py")}
