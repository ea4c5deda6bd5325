"""The contents of cgroup files that enforce resource limits, for cgroup v1 and v2."""

from collections.abc import Mapping

from pushpaka_core.ports.processes import ResourceLimits

CPU, MEMORY, PIDS = "cpu", "memory", "pids"
"""The names of the cgroup controllers."""
SWAP_FILES = frozenset({"memory.swap.max", "memory.memsw.limit_in_bytes"})
"""
Files that limit swap. They do not exist if the kernel does not account for swap, which is then not
limited.
"""

_CFS_PERIOD_MICROSECONDS = 100_000
"""The period over which the kernel enforces a CPU quota (CFS bandwidth control)."""
_DEFAULT_SHARES = 1024
"""The shares of a cgroup v1 that correspond to the default weight in v2, which is 100."""


def limit_files(limits: ResourceLimits, *, is_v2: bool) -> Mapping[str, Mapping[str, str]]:
    """
    Return the contents of the cgroup files by controller and file name, in the order of writing.

    The memory limit includes swap: v2 forbids swap, and v1 limits the sum of both.

    Args:
        limits: The limits to enforce.
        is_v2: Whether the host uses cgroup v2.
    """
    return {
        CPU: {
            **_cpu_weight_files(limits.cpu_weight, is_v2=is_v2),
            **_cpu_quota_files(limits.cpus, is_v2=is_v2),
        },
        MEMORY: _memory_files(limits.memory_bytes, is_v2=is_v2),
        PIDS: {} if limits.processes is None else {"pids.max": str(limits.processes)},
    }


def _cpu_weight_files(weight: int | None, *, is_v2: bool) -> Mapping[str, str]:
    if weight is None:
        return {}
    if is_v2:
        return {"cpu.weight": str(weight)}
    return {"cpu.shares": str(round(weight * _DEFAULT_SHARES / 100))}


def _cpu_quota_files(cpus: float | None, *, is_v2: bool) -> Mapping[str, str]:
    if cpus is None:
        return {}
    quota, period = str(round(cpus * _CFS_PERIOD_MICROSECONDS)), str(_CFS_PERIOD_MICROSECONDS)
    if is_v2:
        return {"cpu.max": f"{quota} {period}"}
    return {"cpu.cfs_period_us": period, "cpu.cfs_quota_us": quota}


def _memory_files(max_bytes: int | None, *, is_v2: bool) -> Mapping[str, str]:
    if max_bytes is None:
        return {}
    if is_v2:
        return {"memory.max": str(max_bytes), "memory.swap.max": "0"}
    return {"memory.limit_in_bytes": str(max_bytes), "memory.memsw.limit_in_bytes": str(max_bytes)}
