"""Reads the process table from `/proc`: running processes, their ancestors and their marks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from pushpaka_core.adapters.process.supervisor.shims import SHIM_MARK
from pushpaka_shim.syscalls import all_pids, read_stat

if TYPE_CHECKING:
    from pushpaka_shim.protocol import Identity

MARK = "PUSHPAKA_PROCESS"
"""The environment variable that identifies the descendants of a program, even without its shim."""


def is_running(identity: Identity) -> bool:
    """
    Return True if the process *identity* is running. A process with a
    reused pid does not count.
    """
    fields = read_stat(identity["pid"])
    return bool(fields) and fields[0] not in "ZX" and int(fields[19]) == identity["started"]


def env_var_of(pid: int, name: str) -> str:
    """
    Return an environment variable that *pid* was started with, or "" if it is not readable.

    Avoids `pathlib` for speed, because this is often called for every process of the host.
    """
    with suppress(OSError):
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123
            behind = (b"\0" + file.readall()).partition(f"\0{name}=".encode())[2]
        return behind.partition(b"\0")[0].decode(errors="replace")
    return ""


@frozen
class ProcessTable:
    """A snapshot of the running processes of this host."""

    _parents: Mapping[int, int]
    _sessions: Mapping[int, int] = field(repr=False)

    @classmethod
    def read(cls) -> Self:
        """Read all processes, except zombies."""
        stats = {pid: read_stat(pid) for pid in all_pids()}
        living = {pid: fields for pid, fields in stats.items() if fields and fields[0] not in "ZX"}
        return cls(
            {pid: int(fields[1]) for pid, fields in living.items()},
            {pid: int(fields[3]) for pid, fields in living.items()},
        )

    @property
    def pids(self) -> AbstractSet[int]:
        """All process ids."""
        return self._parents.keys()

    def remaining_processes(self, mark: str, program: Identity | None) -> set[int]:
        """Return the processes with *mark* or in the session of *program*, and all descendants."""
        marked = {pid for pid in self._parents if env_var_of(pid, MARK) == mark}
        if program is None:
            return self._with_descendants(marked)
        session = program["pid"]
        is_ours = is_running(program) or any(self._sessions[pid] == session for pid in marked)
        mates = {pid for pid, its in self._sessions.items() if its == session and is_ours}
        return self._with_descendants(marked | mates)

    def orphans(self, instance: str, watched_pids: Iterable[int]) -> set[int]:
        """
        Return the marked processes of *instance* that have no shim as an ancestor.

        Descendants of the processes in *watched_pids* are left out as well.
        """
        keepers = {*watched_pids, *(pid for pid in self._parents if _is_shim_of(instance, pid))}
        marked = (pid for pid in self._parents if _is_marked_by(instance, pid))
        return {pid for pid in marked if keepers.isdisjoint(self.ancestry_of(pid))}

    def watched_names(self, instance: str) -> set[str]:
        """Return the names of the programs that shims of *instance* watch."""
        return {_last_argument(pid) for pid in self._parents if _is_shim_of(instance, pid)}

    def shims_by_name(self, instance: str) -> dict[str, tuple[int, int]]:
        """
        Return the pids of each shim of *instance* and of its program, by program name.

        A fork of a shim that has not executed its program yet still counts as a shim.
        """
        shims = {pid: _last_argument(pid) for pid in self._parents if _is_shim_of(instance, pid)}
        programs = sorted(
            (int(read_stat(pid)[19]), pid)
            for pid, parent in self._parents.items()
            if parent in shims
            and pid not in shims
            and self._sessions[pid] == pid
            and read_stat(pid)
        )
        # The shim also adopts orphans, which started later than its program.
        return {
            shims[shim]: (shim, pid)
            for _, pid in reversed(programs)
            if (shim := self._parents[pid])
        }

    def ancestry_of(self, pid: int) -> list[int]:
        """Return *pid*, followed by its ancestors, the parent first."""
        line = [pid]
        # The snapshot is not atomic: a reused pid can make a process its own ancestor.
        while (parent := self._parents.get(line[-1], 0)) > 0 and parent not in line:
            line.append(parent)
        return line

    def _with_descendants(self, roots: set[int]) -> set[int]:
        return {pid for pid in self._parents if not roots.isdisjoint(self.ancestry_of(pid))}


def _is_marked_by(instance: str, pid: int) -> bool:
    return env_var_of(pid, MARK).startswith(f"{instance}:")


def _is_shim_of(instance: str, pid: int) -> bool:
    """
    Return True for a shim of *instance*.

    The user is checked as well, because a program could set the mark for itself.
    """
    return env_var_of(pid, SHIM_MARK) == instance and real_uid_of(pid) == os.geteuid()


def _last_argument(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").rpartition("\0")[2]
    return ""


def real_uid_of(pid: int) -> int | None:
    """
    Return the real user id of a process, or None if it has exited.

    The id is read from `status` because a program can change the owner of its files in `/proc`.
    """
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_bytes().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(b"Uid:")), None)
    return None
