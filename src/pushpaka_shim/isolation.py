"""Isolates the IPC and the temporary files of a program that runs as another user."""

from __future__ import annotations

import os
from contextlib import suppress

from pushpaka_shim.syscalls import (
    CLONE_NEWIPC,
    CLONE_NEWNS,
    MS_BIND,
    MS_NODEV,
    MS_NOSUID,
    MS_REC,
    MS_SLAVE,
    mount,
    unshare,
)

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - it is mounted, not written to
TEMPORARY_DIRECTORIES = ("/tmp", "/var/tmp")  # noqa: S108 - they are mounted, not written to


def isolate(private_tmp: str | None, uid: int, max_shared_memory: int | None) -> None:
    """
    Give this process its own System V IPC, message queues, shared memory and temporary files.

    The kernel frees them when the last process that uses them exits. In a container without the
    capability to mount, nothing changes.

    Args:
        private_tmp: The directory to mount as /tmp and /var/tmp, or None. It is not mounted if a
            user other than *uid* owns it, nor over a directory that contains it.
        uid: The user that will own the program.
        max_shared_memory: The limit on shared memory in bytes, if no control group counts it. None
            means the kernel's default of half the memory of the host.
    """
    with suppress(OSError):
        unshare(CLONE_NEWNS | CLONE_NEWIPC)
        # Mounts that the host makes later are visible here, but not vice versa.
        mount("none", "/", "", MS_REC | MS_SLAVE)
        if os.path.isdir(SHARED_MEMORY):  # noqa: PTH112 - pathlib is slow to import
            size = "" if max_shared_memory is None else f",size={max_shared_memory}"
            mount("tmpfs", SHARED_MEMORY, "tmpfs", MS_NOSUID | MS_NODEV, f"mode=1777{size}")
        if private_tmp is not None:
            _mount_temporary(private_tmp, uid)


def _mount_temporary(directory: str, uid: int) -> None:
    # An earlier program of the same build may have replaced the directory with a symbolic link to
    # one that its user cannot open. Keeping the descriptor open ensures that the checked directory
    # is mounted.
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if os.fstat(descriptor).st_uid != uid:
        return
    source = f"/proc/self/fd/{descriptor}"
    for place in TEMPORARY_DIRECTORIES:
        if _is_outside(os.readlink(source), place):  # noqa: PTH115 - pathlib is slow to import
            mount(source, place, "", MS_BIND)


def _is_outside(directory: str, mount_point: str) -> bool:
    real = os.path.realpath(mount_point)
    return os.path.isdir(real) and not f"{directory}/".startswith(f"{real}/")  # noqa: PTH112
