"""Control groups (cgroups v1 and v2), which limit a program together with its descendants."""

# ruff: noqa: PTH103, PTH106, PTH123
from __future__ import annotations

import errno
import os
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pushpaka_shim.protocol import Report

_IGNORED_ERRORS = (errno.ENOENT, errno.EINVAL)
"""
Errors that are ignored: a kernel without swap has no file for its limit (ENOENT), and a CPU share
above that of the parent group is rejected (EINVAL).
"""
_NO_CPU_LIMITS = {
    "cpu.max": "max",
    "cpu.weight": "100",
    "cpu.cfs_quota_us": "-1",
    "cpu.shares": "1024",
}
_MAX_TRIES = 50
_LIMIT_TOLERANCE = 1024 * 1024
"""
cgroups v1 does not count exceeded limits, but reports the peak usage. Usage within this many bytes
of the limit counts as reaching it.
"""


class ControlGroups:
    """The control groups of one program, created before it starts and removed after it ends."""

    def __init__(self, limits_by_group: Mapping[str, Mapping[str, str]]) -> None:
        """
        Set the limits. *limits_by_group* maps the directory of each group to the values of its
        files, by file name.
        """
        self._files = limits_by_group

    def add(self, pid: int) -> None:
        """Create the groups and move *pid* into them. Call this before the program can fork."""
        for group, limits in self._files.items():
            os.makedirs(group, exist_ok=True)
            for name, value in limits.items():
                _set_limit(f"{group}/{name}", value)
            _write(f"{group}/cgroup.procs", str(pid))

    def lift_cpu_limits(self) -> None:
        """Lift the CPU limits, because killed processes need CPU time to exit."""
        for group in self._files:
            for name, value in _NO_CPU_LIMITS.items():
                with suppress(OSError):
                    _write(f"{group}/{name}", value)

    @property
    def memory_report(self) -> Report:
        """Return a report with the memory limit for which the kernel killed a process, if any."""
        limits = [limit for group in self._files if (limit := _exceeded_memory_limit(group))]
        return {"memory_limit": limits[0]} if limits else {}

    def remove(self) -> None:
        """Remove the groups, with retries for 0.1 s while exiting processes are still in them."""
        for group in self._files:
            for _ in range(_MAX_TRIES):
                try:
                    os.rmdir(group)
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.002)


def _set_limit(path: str, value: str) -> None:
    try:
        _write(path, value)
    except OSError as error:
        if error.errno not in _IGNORED_ERRORS:
            raise


def _exceeded_memory_limit(group: str) -> int | None:
    """
    Return the memory limit in bytes if the kernel killed processes because of this limit, else
    None.

    The kernel also kills processes if the whole host is out of memory. That does not count.
    """
    if limit := _read_number(f"{group}/memory.max"):
        events = _read_counts(f"{group}/memory.events")
        return limit if events.get("oom") and events.get("oom_kill") else None
    limit = _read_number(f"{group}/memory.limit_in_bytes")
    was_reached = _read_number(f"{group}/memory.max_usage_in_bytes") > limit - _LIMIT_TOLERANCE
    events = _read_counts(f"{group}/memory.oom_control")
    return limit if limit and was_reached and events.get("oom_kill") else None


def _read_counts(path: str) -> dict[str, int]:
    lines = (line.split() for line in _read(path).splitlines())
    return {name: int(number) for name, number in lines}


def _read_number(path: str) -> int:
    text = _read(path).strip()
    return int(text) if text.isdigit() else 0


def _read(path: str) -> str:
    with suppress(OSError), open(path, encoding="ascii") as file:
        return file.read()
    return ""


def _write(path: str, text: str) -> None:
    """Write to an existing file. Files cannot be created in a control group."""
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
