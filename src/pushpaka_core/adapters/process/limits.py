"""Limits for single processes: for what the host counts by process alone, or not otherwise."""

from collections.abc import Collection
from typing import Final

from pushpaka_core.control_groups import MEMORY, PIDS
from pushpaka_core.ports.processes import Command

STACKS: Final = 64 * 8 * 2**20
"""Beside its memory a program may reserve the stacks of so many threads: the kernel counts both."""


def process_limits(command: Command, *, counted: Collection[str]) -> dict[str, int]:
    """
    Return the limits by the names that the module `resource` has for them.

    What is *counted* of whole programs needs none. Of the platform's own user
    the kernel would count the platform's processes as well.
    """
    limits = command.limits
    memory = None if limits.memory_bytes is None else limits.memory_bytes + STACKS
    values = {
        # Of all limits on memory it alone leaves out what is reserved and never touched.
        "RLIMIT_DATA": None if MEMORY in counted else memory,
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_FSIZE": limits.file_bytes,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_NPROC": None if PIDS in counted or command.uid is None else limits.processes,
    }
    return {name: value for name, value in values.items() if value is not None}
