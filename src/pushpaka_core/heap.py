"""A program whose threads share one heap, so that what one gives back is there for the next."""

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8
"""As `malloc.h` of glibc has it."""


def share_heap() -> None:
    """
    Have threads that begin from now on use the heap of the first one.

    Else each keeps as much as it ever had, and whichever hashes a password once keeps 19 MiB.
    """
    with suppress(AttributeError):  # Another C library does not know it, and does not do that.
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
