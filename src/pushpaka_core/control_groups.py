"""What belongs into the files of a control group, of either version, to keep somebody to limits."""

from collections.abc import Mapping

from pushpaka_core.ports.processes import Limits

CPU, MEMORY, PIDS = "cpu", "memory", "pids"
"""The controllers: each counts and limits one thing."""
SWAP_FILES = frozenset({"memory.swap.max", "memory.memsw.limit_in_bytes"})
"""A kernel that does not count swap has none of these, and then there is nothing to limit."""

_PERIOD = 100_000
"""In microseconds: a share of the processors is given out anew so often."""


def limit_files(limits: Limits, *, is_unified: bool) -> Mapping[str, Mapping[str, str]]:
    """
    Return for each controller the texts of its files by their names, in the order of writing.

    *is_unified* tells the second version of control groups. Memory has no way out into swap; the
    first version counts both together.
    """
    return {
        CPU: _cpu(limits.cpus, is_unified=is_unified),
        MEMORY: _memory(limits.memory_bytes, is_unified=is_unified),
        PIDS: {} if limits.processes is None else {"pids.max": str(limits.processes)},
    }


def _cpu(cpus: float | None, *, is_unified: bool) -> Mapping[str, str]:
    if cpus is None:
        return {}
    quota, period = str(round(cpus * _PERIOD)), str(_PERIOD)
    if is_unified:
        return {"cpu.max": f"{quota} {period}"}
    return {"cpu.cfs_period_us": period, "cpu.cfs_quota_us": quota}


def _memory(most: int | None, *, is_unified: bool) -> Mapping[str, str]:
    if most is None:
        return {}
    if is_unified:
        return {"memory.max": str(most), "memory.swap.max": "0"}
    return {"memory.limit_in_bytes": str(most), "memory.memsw.limit_in_bytes": str(most)}
