"""What Linux tells of processes, and what Python has no words for."""

# ruff: noqa: PTH123, PTH208
from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pushpaka_shim.orders import Identity

SET_PARENT_DEATH_SIGNAL = 1
SET_CHILD_SUBREAPER = 36
SET_NO_NEW_PRIVILEGES = 38

_LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    """Change what the kernel does with this process."""
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


def boot_id() -> str:
    """Return what tells this run of the kernel from any other."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def all_pids() -> list[int]:
    """Return every process id of this host."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat_of(pid: int) -> list[str]:
    """Return what /proc/<pid>/stat says behind the name (state, parent, group, ...), or nothing."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode("ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def identity_of(pid: int) -> Identity:
    """Return *pid* with the time, in ticks since the boot, at which it was started."""
    fields = stat_of(pid)
    return {"pid": pid, "started": int(fields[19]) if fields else 0}


def groups_below(root: int) -> set[int]:
    """Return the process groups of all descendants of *root*."""
    children: dict[int, list[tuple[int, int]]] = {}
    for pid in all_pids():
        if fields := stat_of(pid):
            children.setdefault(int(fields[1]), []).append((pid, int(fields[2])))
    groups: set[int] = set()
    parents = [root]
    while parents:
        below = children.get(parents.pop(), [])
        groups.update(group for _, group in below)
        parents.extend(pid for pid, _ in below)
    return groups
