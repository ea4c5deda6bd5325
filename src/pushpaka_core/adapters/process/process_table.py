"""Reads /proc: who lives, who descends from whom, and who carries our mark."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from pushpaka_core.adapters.process.shims import SHIM_MARK
from pushpaka_shim.kernel import all_pids, stat_of

if TYPE_CHECKING:
    from pushpaka_shim.orders import Identity

MARK = "PUSHPAKA_PROCESS"
"""The env var by which all that came of a program is found, should its shim be gone."""


def lives(identity: Identity) -> bool:
    """Tell whether this very process runs, and not another one by its number."""
    fields = stat_of(identity["pid"])
    return bool(fields) and fields[0] not in "ZX" and int(fields[19]) == identity["started"]


def env_var_of(pid: int, name: str) -> str:
    """
    Return the env var that *pid* began with, as far as it may be seen, or nothing.

    It is asked of every process of the host, again and again, and so in the quickest way.
    """
    with suppress(OSError):
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123
            behind = (b"\0" + file.readall()).partition(f"\0{name}=".encode())[2]
        return behind.partition(b"\0")[0].decode(errors="replace")
    return ""


@frozen
class ProcessTable:
    """The living processes of this host at one moment."""

    _parents: Mapping[int, int]
    _sessions: Mapping[int, int] = field(repr=False)

    @classmethod
    def read(cls) -> Self:
        """Look at all of them."""
        stats = {pid: stat_of(pid) for pid in all_pids()}
        living = {pid: fields for pid, fields in stats.items() if fields and fields[0] not in "ZX"}
        return cls(
            {pid: int(fields[1]) for pid, fields in living.items()},
            {pid: int(fields[3]) for pid, fields in living.items()},
        )

    @property
    def pids(self) -> Iterable[int]:
        """All process ids."""
        return self._parents

    def remains_of(self, mark: str, program: Identity | None) -> set[int]:
        """Return what carries *mark* or shares the session of *program*, with all descendants."""
        marked = {pid for pid in self._parents if env_var_of(pid, MARK) == mark}
        if program is None:
            return self._with_descendants(marked)
        session = program["pid"]
        is_ours = lives(program) or any(self._sessions[pid] == session for pid in marked)
        mates = {pid for pid, its in self._sessions.items() if its == session and is_ours}
        return self._with_descendants(marked | mates)

    def orphans(self, instance: str, living: Iterable[int]) -> set[int]:
        """Return what carries a mark of *instance*, but lies below none of *living* nor a shim."""
        keepers = {*living, *(pid for pid in self._parents if _is_shim_of(instance, pid))}
        marked = (pid for pid in self._parents if _is_marked_by(instance, pid))
        return {pid for pid in marked if keepers.isdisjoint(self.line_of(pid))}

    def shims(self, instance: str) -> set[str]:
        """Return the names of the programs that shims of *instance* watch."""
        return {_last_argument(pid) for pid in self._parents if _is_shim_of(instance, pid)}

    def line_of(self, pid: int) -> list[int]:
        """Return *pid* and its ancestors, the nearest first."""
        line = [pid]
        # While all were being read, a number may have become that of its own descendant.
        while (parent := self._parents.get(line[-1], 0)) > 0 and parent not in line:
            line.append(parent)
        return line

    def _with_descendants(self, roots: set[int]) -> set[int]:
        return {pid for pid in self._parents if not roots.isdisjoint(self.line_of(pid))}


def _is_marked_by(instance: str, pid: int) -> bool:
    return env_var_of(pid, MARK).startswith(f"{instance}:")


def _is_shim_of(instance: str, pid: int) -> bool:
    """Tell a shim by its mark, and by its user, since a program could give itself the mark."""
    return env_var_of(pid, SHIM_MARK) == instance and _uid_of(pid) == os.geteuid()


def _last_argument(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").rpartition("\0")[2]
    return ""


def _uid_of(pid: int) -> int | None:
    """Return whose process it is; the owner of its files in /proc a program can change."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_bytes().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(b"Uid:")), None)
    return None
