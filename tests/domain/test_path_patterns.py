"""Patterns of paths mean what they mean to shells, and take no more time than their length asks."""

import re
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushpaka_core.domain.forges.events import is_watched
from pushpaka_core.domain.path_patterns import PathPatterns

_PATTERNS = st.lists(st.sampled_from(["a", "b", "/", "?", "*", "**", "**/"]), max_size=6).map(
    "".join
)
_CLEAR = _PATTERNS.filter(lambda pattern: "***" not in pattern)
_MONSTROUS = ("**/a*" * 51,) * 100
_SECONDS = 2


@given(_CLEAR, st.text("ab/", max_size=7))
def test_a_pattern_stands_for_what_its_parts_stand_for(pattern: str, path: str) -> None:
    """Taken one after the other, each part for every text that it may stand for."""
    parts = re.findall(r"\*\*/|\*\*|.", pattern)

    assert _stands_for(parts, path) == PathPatterns.of([pattern]).match(path)


@settings(max_examples=50)
@given(_PATTERNS, st.text("ab/", max_size=7))
def test_a_directory_is_covered_with_all_below_it(pattern: str, path: str) -> None:
    """A pattern covers what it stands for, and what lies below that."""
    patterns = PathPatterns.of([pattern])
    places = [place for place, character in enumerate(f"{path}/") if character == "/"]

    assert patterns.cover(path) == any(patterns.match(path[:place]) for place in places)


@settings(max_examples=50)
@given(st.lists(_PATTERNS, max_size=4), st.text("ab/", max_size=7))
def test_any_of_several_patterns_is_enough(patterns: list[str], path: str) -> None:
    """They are followed at once, and do not get in each other's way."""
    one_by_one = [PathPatterns.of([pattern]).match(path) for pattern in patterns]

    assert any(one_by_one) == PathPatterns.of(patterns).match(path)


@pytest.mark.parametrize("path", ["a/" * 2000, "a" * 4000, "/" * 4000])
def test_no_pattern_takes_long(path: str) -> None:
    """As many and as long ones as somebody may write, and the longest path that they nearly fit."""
    began = process_time()

    is_there = PathPatterns.of(f"{pattern}x" for pattern in _MONSTROUS).match(path)

    assert not is_there
    assert process_time() - began < _SECONDS


@pytest.mark.parametrize("count", [10, 10_000])
def test_no_push_takes_long(count: int) -> None:
    """Of very much that was changed the part that counts is not looked for: it is deployed."""
    paths = frozenset(f"{'a/' * 1000}{number}" for number in range(count))
    began = process_time()

    is_deployed = is_watched(paths, [f"{pattern}x" for pattern in _MONSTROUS])

    assert is_deployed == (count == 10_000)
    assert process_time() - began < _SECONDS


def _stands_for(parts: list[str], path: str) -> bool:
    if not parts:
        return not path
    first, *rest = parts
    starts = (path[:end] for end in range(len(path) + 1))
    return any(_is(first, start) and _stands_for(rest, path[len(start) :]) for start in starts)


def _is(part: str, text: str) -> bool:
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
