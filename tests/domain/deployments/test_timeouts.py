"""Tests that deadlines pass even if the clock is set back."""

from datetime import timedelta

import pytest

from pushpaka_core.domain.deployments.timeouts import has_passed
from pushpaka_core.testing.objects.values import NOON, later

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-3600, True), (0, True), (1, False), (60, False), (61, True)]
)
def test_moment_too_far_in_the_future_has_passed(seconds: float, expected: bool) -> None:
    assert expected is has_passed(later(seconds), now=NOON, max_distance=MINUTE)


def test_unset_moment_never_passes() -> None:
    assert not has_passed(None, now=NOON, max_distance=MINUTE)
