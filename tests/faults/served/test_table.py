"""The table of faults has a row for each promised fault, and refers to existing tests."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
TABLE = (ROOT / "docs/contributing/faults.md").read_text()
PROMISED = {
    *range(1, 10), 11, *range(13, 20), *range(21, 29), *range(31, 35), *range(36, 40),
}  # fmt: skip
"""The numbers of the faults that docs/contributing/faults.md has to list."""


def test_every_promised_fault_has_a_row() -> None:
    numbers = {int(number) for number in re.findall(r"^\| F(\d\d) ", TABLE, re.MULTILINE)}

    assert set() == PROMISED - numbers


def test_every_named_test_exists() -> None:
    named = re.findall(r"`([\w/.]+\.py)::(?:\w+::)?(\w+)`", TABLE)

    missing = [name for file, name in named if f"def {name}(" not in (ROOT / file).read_text()]
    assert named
    assert [] == missing
