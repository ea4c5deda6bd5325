"""Tests the parsing of version ranges in package.json."""

import pytest

from pushpaka_core.adapters.process.toolchains.version_ranges import (
    Version,
    VersionRange,
    parse_range,
    parse_version,
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
def test_version_range_is_parsed(text: str, intervals: list[str]) -> None:
    """The interval with the latest versions comes first."""
    assert intervals == [each.for_npm for each in VersionRange.parse(text).intervals]


@pytest.mark.parametrize("text", ["abc", "20 foo", ">", "1.2.3.4", "20;rm", "^", "9" * 400])
def test_invalid_range_is_refused(text: str) -> None:
    with pytest.raises(BuildError, match=r"requires Node '.+', which is not a version range"):
        parse_range("Node", text)


@pytest.mark.parametrize(
    ("version", "is_in_range"),
    [((20, 0, 0), True), ((19, 9, 9), False), ((22, 9, 0), True), ((23, 0, 0), False)],
)
def test_version_is_in_a_range_or_not(version: Version, *, is_in_range: bool) -> None:
    """In the range `>=20 <23`, version 20 is included, and version 23 is not."""
    assert is_in_range == (version in VersionRange.parse(">=20 <23"))


def test_an_interval_is_formatted_for_python() -> None:
    (interval,) = VersionRange.parse("^20.9").intervals

    assert ">=20.9.0,<21.0.0" == interval.for_python


@pytest.mark.parametrize(
    ("output", "version"), [("v22.20.0\n", (22, 20, 0)), ("1.2.3-rc.1", (1, 2, 3)), ("oh", None)]
)
def test_a_printed_version_is_parsed(output: str, version: Version | None) -> None:
    assert version == parse_version(output)
