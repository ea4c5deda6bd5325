"""The number of examples of each fuzzer, and the outcomes that fuzzers allow."""

import os
from collections.abc import Callable
from typing import TypeVar

from attrs import frozen
from hypothesis import HealthCheck, settings
from tests.machine.processor_time import limit_processor_time

T = TypeVar("T")

EXAMPLES = int(os.environ.get("PUSHPAKA_TEST_EXAMPLES", "0"))
"""The number of random examples of each test. With 0, each run tries the same few examples."""

_SECONDS = 10
"""The CPU time limit in seconds for one call, far more than any example needs."""

repeatable = settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
"""Hypothesis settings with the same examples in each run, and without Hypothesis's deadline."""

bounded = settings(
    repeatable,
    max_examples=EXAMPLES or 25,
    derandomize=EXAMPLES == 0,
    print_blob=True,
)
"""The Hypothesis settings of every fuzzer."""


@frozen
class Refusal:
    """The message of an error that refuses the input."""

    reason: str


def outcome(act: Callable[[], T], refusal: type[Exception]) -> T | Refusal:
    """Call *act*, and return its result, or a `Refusal` if it raises *refusal*."""
    with limit_processor_time(_SECONDS):
        try:
            return act()
        except refusal as error:
            return Refusal(str(error))
