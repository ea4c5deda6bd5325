"""Exponential backoff."""

from datetime import timedelta

_MAX_DOUBLINGS = 20


def backoff(failures: int, *, initial_pause: timedelta, max_pause: timedelta) -> timedelta:
    """
    Return how long to wait before the next attempt. The time doubles with each failure.

    Args:
        failures: The number of failures before the last one.
        initial_pause: The time after the first failure.
        max_pause: The maximum time.
    """
    pause: timedelta = initial_pause * 2 ** min(failures, _MAX_DOUBLINGS)
    return min(pause, max_pause)
