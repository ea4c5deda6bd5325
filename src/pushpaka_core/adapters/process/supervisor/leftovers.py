"""Removes files and IPC objects that a project's programs left on this host."""

import ctypes
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pushpaka_core.adapters.process.sandbox.removal import remove_tree
from pushpaka_core.adapters.process.supervisor.process_table import real_uid_of
from pushpaka_shim.syscalls import all_pids

_IPC_RMID = 0
_REMOVERS = {"shm": "shmctl", "sem": "semctl", "msg": "msgctl"}
"""The libc function that removes an object, by the name of its table in `/proc/sysvipc`."""
_ID_COLUMNS = {"shm": "shmid", "sem": "semid", "msg": "msqid"}
WORLD_WRITABLE_DIRECTORIES = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")  # noqa: S108 - they are emptied
"""World-writable directories. POSIX message queues are files in one of them."""


def remove_leftovers(uid: int) -> None:
    """
    Remove shared memory, semaphores, message queues and temporary files of the user *uid*.

    Does nothing while a process of that user runs, because the process may need them. Only the top
    level of the world-writable directories is searched.
    """
    if uid in {real_uid_of(pid) for pid in all_pids()}:
        return
    libc = ctypes.CDLL(None)
    for kind, remover in _REMOVERS.items():
        for id_ in _ids_of(kind, uid):
            arguments = (id_, 0, _IPC_RMID) if kind == "sem" else (id_, _IPC_RMID)
            getattr(libc, remover)(*arguments, None)
    for place in WORLD_WRITABLE_DIRECTORIES:
        for path in _entries_owned_by(Path(place), uid):
            with suppress(OSError):
                _remove(path)


def _ids_of(table_name: str, uid: int) -> Iterator[int]:
    with suppress(FileNotFoundError):
        head, *rows = Path(f"/proc/sysvipc/{table_name}").read_text(encoding="ascii").splitlines()
        for row in rows:
            fields: Mapping[str, str] = dict(zip(head.split(), row.split(), strict=True))
            if str(uid) in {fields["uid"], fields["cuid"]}:
                yield int(fields[_ID_COLUMNS[table_name]])


def _entries_owned_by(directory: Path, uid: int) -> Iterator[Path]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_uid == uid:
                    yield Path(entry.path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)
