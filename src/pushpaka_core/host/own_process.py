"""Memory allocation and core dumps of the platform's own processes."""

import ctypes
import resource
from contextlib import suppress

_M_ARENA_MAX = -8
"""The constant from glibc's `malloc.h`."""


def use_single_arena() -> None:
    """
    Make all threads that start later use the heap of the main thread.

    Otherwise, each thread that hashes a password keeps 19 MiB for itself. After 48 logins, 8 at a
    time, a process is 21 to 62 MB larger instead of 124 to 164 MB.
    """
    with suppress(AttributeError):  # Only glibc has per-thread arenas.
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def disable_core_dumps() -> None:
    """Disable core dumps of this process and its children."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
