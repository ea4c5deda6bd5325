"""A limit on the CPU time of a test."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest


@contextmanager
def limit_processor_time(seconds: float) -> Iterator[None]:
    """
    Fail if the block uses more than *seconds* of this process's CPU time.

    Use it for code that could become quadratic or worse: choose an input for which that takes
    minutes, and a limit far above the normal time. Time that other programs use does not count. It
    works only in the main thread.
    """

    def fail(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"It has used {seconds:g} s of processor time.")

    before = signal.signal(signal.SIGPROF, fail)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
