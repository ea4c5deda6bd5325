"""Tests that path patterns match like those of a shell, in linear time."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.machine.processor_time import limit_processor_time

from pushpaka_core.domain.integrations.git_providers.events import is_watched
from pushpaka_core.domain.projects.path_patterns import PathPatterns

_PATTERNS = st.lists(st.sampled_from(["a", "b", "/", "?", "*", "**", "**/"]), max_size=6).map(
    "".join
)
_CLEAR = _PATTERNS.filter(lambda pattern: "***" not in pattern)
_MONSTROUS = ("**/a*" * 51,) * 100
_SECONDS = 30


@given(_CLEAR, st.text("ab/", max_size=7))
def test_pattern_matches_if_its_parts_match_in_turn(pattern: str, path: str) -> None:
    parts = re.findall(r"\*\*/|\*\*|.", pattern)

    assert _matches_parts(parts, path) == PathPatterns.of([pattern]).match(path)


@settings(max_examples=50)
@given(_PATTERNS, st.text("ab/", max_size=7))
def test_pattern_of_a_directory_covers_everything_below(pattern: str, path: str) -> None:
    patterns = PathPatterns.of([pattern])
    places = [place for place, character in enumerate(f"{path}/") if character == "/"]

    assert patterns.matches_directory_of(path) == any(
        patterns.match(path[:place]) for place in places
    )


@settings(max_examples=50)
@given(st.lists(_PATTERNS, max_size=4), st.text("ab/", max_size=7))
def test_one_matching_pattern_is_enough(patterns: list[str], path: str) -> None:
    one_by_one = [PathPatterns.of([pattern]).match(path) for pattern in patterns]

    assert any(one_by_one) == PathPatterns.of(patterns).match(path)


@pytest.mark.parametrize("path", ["a/" * 2000, "a" * 4000, "/" * 4000])
def test_no_pattern_takes_exponential_time(path: str) -> None:
    with limit_processor_time(_SECONDS):
        is_there = PathPatterns.of(f"{pattern}x" for pattern in _MONSTROUS).match(path)

    assert not is_there


@pytest.mark.parametrize("count", [10, 10_000])
def test_large_pushes_are_matched_quickly(count: int) -> None:
    paths = frozenset(f"{'a/' * 1000}{number}" for number in range(count))
    with limit_processor_time(_SECONDS):
        is_deployed = is_watched(paths, [f"{pattern}x" for pattern in _MONSTROUS])

    assert is_deployed == (count == 10_000)


def _matches_parts(parts: list[str], path: str) -> bool:
    if not parts:
        return not path
    first, *rest = parts
    starts = (path[:end] for end in range(len(path) + 1))
    return any(
        _matches_part(first, start) and _matches_parts(rest, path[len(start) :]) for start in starts
    )


def _matches_part(part: str, text: str) -> bool:
    match part:
        case "*":
            return "/" not in text
        case "**":
            return True
        case "**/":
            return not text or text.endswith("/")
        case "?":
            return len(text) == 1 and text != "/"
        case _:
            return text == part
