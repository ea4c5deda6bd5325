"""Ranges of versions as package.json has them."""

import pytest

from pushpaka_core.adapters.process.version_ranges import (
    Version,
    VersionRange,
    read_range,
    read_version,
)
from pushpaka_core.errors import BuildError


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("20", [">=20.0.0 <21.0.0"]),
        ("v20.1.0", [">=20.1.0 <20.1.1"]),
        ("18.x", [">=18.0.0 <19.0.0"]),
        (">=20 <23", [">=20.0.0 <23.0.0"]),
        (">= 18", [">=18.0.0"]),
        (">20", [">=21.0.0"]),
        ("<=20.1", [">=0.0.0 <20.2.0"]),
        ("<22", [">=0.0.0 <22.0.0"]),
        ("^22.1.0", [">=22.1.0 <23.0.0"]),
        ("^0.2.3", [">=0.2.3 <0.3.0"]),
        ("^0", [">=0.0.0 <1.0.0"]),
        ("~1.2.3", [">=1.2.3 <1.3.0"]),
        ("~1", [">=1.0.0 <2.0.0"]),
        ("1.2.3 - 2", [">=1.2.3 <3.0.0"]),
        ("^18 || ^20 || >=22", [">=22.0.0", ">=20.0.0 <21.0.0", ">=18.0.0 <19.0.0"]),
        (">=20.0.0-0", [">=20.0.0 <20.0.1", ">=20.0.0"]),
        ("lts/*", [">=0.0.0"]),
        ("", [">=0.0.0"]),
    ],
)
def test_a_range_is_read(text: str, intervals: list[str]) -> None:
    """Each alternative is an interval, and the latest one comes first."""
    assert intervals == [each.for_npm for each in VersionRange.read(text).intervals]


@pytest.mark.parametrize("text", ["abc", "20 foo", ">", "1.2.3.4", "20;rm", "^", "9" * 400])
def test_what_is_no_range_is_told(text: str) -> None:
    """The error shows what was read, and what would be understood."""
    with pytest.raises(BuildError, match=r"asks for Node '.+', which is no range of versions"):
        read_range("Node", text)


@pytest.mark.parametrize(
    ("version", "fits"),
    [((20, 0, 0), True), ((19, 9, 9), False), ((22, 9, 0), True), ((23, 0, 0), False)],
)
def test_a_version_is_in_a_range_or_not(version: Version, *, fits: bool) -> None:
    """The end of an interval does not belong to it."""
    assert fits == (version in VersionRange.read(">=20 <23"))


def test_an_interval_is_written_for_python() -> None:
    """The package index is asked in its own language."""
    (interval,) = VersionRange.read("^20.9").intervals

    assert ">=20.9.0,<21.0.0" == interval.for_python


@pytest.mark.parametrize(
    ("printed", "version"), [("v22.20.0\n", (22, 20, 0)), ("1.2.3-rc.1", (1, 2, 3)), ("oh", None)]
)
def test_a_printed_version_is_read(printed: str, version: Version | None) -> None:
    """Programs print more or less than the numbers."""
    assert version == read_version(printed)
