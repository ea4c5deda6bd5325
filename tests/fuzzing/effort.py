"""How much is tried, and what may come of it: a result or a documented refusal, in time."""

import os
from collections.abc import Callable
from time import process_time
from typing import TypeVar

from attrs import frozen
from hypothesis import HealthCheck, settings

T = TypeVar("T")

EXAMPLES = int(os.environ.get("PUSHPAKA_TEST_EXAMPLES", "0"))
"""How many examples of each kind, of random ones, are tried; 0 tries the same few each time."""

repeatable = settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
"""The same examples each time, however long they take."""

bounded = settings(
    repeatable,
    max_examples=EXAMPLES or 25,
    derandomize=EXAMPLES == 0,
    print_blob=True,
)
"""What every fuzzer keeps to."""


@frozen
class Refusal:
    """Something was refused, for a reason."""

    reason: str


def outcome(act: Callable[[], T], refusal: type[Exception], *, within: float) -> T | Refusal:
    """
    Return what comes of *act*, which may be refused by one kind of error and no other.

    It may take a processor for *within* seconds, however busy the machine is with others.
    """
    begun = process_time()
    try:
        result: T | Refusal = act()
    except refusal as error:
        result = Refusal(str(error))
    assert process_time() - begun < within
    return result
