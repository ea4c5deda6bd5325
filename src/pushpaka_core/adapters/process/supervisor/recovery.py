"""Recovers lost records of launched programs from their running shims."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pushpaka_core.adapters.process.supervisor.process_table import ProcessTable
from pushpaka_shim.syscalls import boot_id, read_identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pushpaka_shim.protocol import Record

_RUN_PREFIX = "run."
"""The name prefix of programs started with `run`, which have no records."""


def lost_records(
    instance: str, known_names: Iterable[str], groups_by_name: dict[str, list[str]]
) -> Sequence[Record]:
    """
    Return a record for each launched program of *instance* that is not in *known_names*.

    *groups_by_name* maps program names to their control groups.
    """
    table = ProcessTable.read()
    found = table.shims_by_name(instance)
    return [
        {
            "name": name,
            "boot": boot_id(),
            "started_at": _started_at(program),
            "shim": read_identity(shim),
            "program": read_identity(program),
            "groups": groups_by_name.get(name, []),
        }
        for name, (shim, program) in found.items()
        if not name.startswith(_RUN_PREFIX) and name not in set(known_names)
    ]


def _started_at(pid: int) -> float:
    """Return the start time of a process, in seconds since 1970."""
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    booted_at = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    return booted_at + read_identity(pid)["started"] / os.sysconf("SC_CLK_TCK")
