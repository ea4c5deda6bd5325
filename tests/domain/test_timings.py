"""Moments that were set come in time, whatever is done to the clock."""

from datetime import timedelta

import pytest

from pushpaka_core.domain.timings import has_come
from pushpaka_core.testing.objects import NOON, later

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-3600, True), (0, True), (1, False), (60, False), (61, True)]
)
def test_a_moment_comes_after_the_longest_time_at_most(seconds: float, expected: bool) -> None:
    """What is further off than it can have been set was set by another clock, and has come."""
    assert expected is has_come(later(seconds), now=NOON, longest=MINUTE)


def test_what_is_not_set_never_comes() -> None:
    """Nothing is due without a moment."""
    assert not has_come(None, now=NOON, longest=MINUTE)
