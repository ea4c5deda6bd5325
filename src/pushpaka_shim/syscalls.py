"""Linux system calls that Python lacks, and process information from /proc."""

# ruff: noqa: PTH123, PTH208
from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pushpaka_shim.protocol import Identity

SET_PARENT_DEATH_SIGNAL = 1
SET_CHILD_SUBREAPER = 36
SET_NO_NEW_PRIVILEGES = 38

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_SLAVE = 2, 4, 1 << 12, 1 << 14, 1 << 19

_LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    """Set a process attribute, one of the SET_* options. Raise OSError if it fails."""
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


def unshare(flags: int) -> None:
    """Move this process to new namespaces, given as CLONE_* *flags*. Raise OSError if it fails."""
    if _LIBC.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare failed")


def mount(source: str, target: str, filesystem_type: str, flags: int, options: str = "") -> None:
    """Mount a file system or change a mount, with MS_* *flags*. Raise OSError if it fails."""
    texts = (text.encode() for text in (source, target, filesystem_type))
    if _LIBC.mount(*texts, ctypes.c_ulong(flags), options.encode()) != 0:
        raise OSError(ctypes.get_errno(), "mount failed")


def boot_id() -> str:
    """Return the id of the current boot, a UUID."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def all_pids() -> list[int]:
    """Return all process ids of this host."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def read_stat(pid: int) -> list[str]:
    """
    Return the fields of /proc/<pid>/stat after the process name, or an empty list if the process
    has exited.

    The first fields are the state, the parent process id and the process group id.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode("ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def read_identity(pid: int) -> Identity:
    """Return *pid* with the start time of the process, in clock ticks since boot."""
    fields = read_stat(pid)
    return {"pid": pid, "started": int(fields[19]) if fields else 0}


def descendant_groups(root: int) -> set[int]:
    """Return the process group ids of all descendants of *root*."""
    children: dict[int, list[tuple[int, int]]] = {}
    for pid in all_pids():
        if fields := read_stat(pid):
            children.setdefault(int(fields[1]), []).append((pid, int(fields[2])))
    groups: set[int] = set()
    parents = [root]
    while parents:
        below = children.get(parents.pop(), [])
        groups.update(group for _, group in below)
        parents.extend(pid for pid, _ in below)
    return groups
