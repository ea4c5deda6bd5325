"""Waiting for a state in code that is not asynchronous."""

from collections.abc import Callable
from time import sleep

import pytest

_PAUSE_SECONDS = 0.1
_LOOKS = 600


def wait_until(
    condition: Callable[[], bool], problem: Callable[[], object] = lambda: "It never came true."
) -> None:
    """
    Wait until *condition* returns True, or fail with *problem* after 600 checks.

    Checks are counted instead of seconds, because a busy machine checks later, not less often.
    """
    looks = 0
    while not condition():
        if (looks := looks + 1) == _LOOKS:
            pytest.fail(str(problem()))
        sleep(_PAUSE_SECONDS)
