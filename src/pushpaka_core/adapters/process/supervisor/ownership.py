"""Finds out which launched program a process, a port or a control group belongs to."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from pushpaka_core.adapters.process.sandbox.cgroups import Cgroups, pids_in, remove_empty_groups
from pushpaka_core.adapters.process.supervisor.listeners import (
    listening_ports,
    pids_holding,
    sockets_on,
)
from pushpaka_core.adapters.process.supervisor.process_table import ProcessTable, is_running
from pushpaka_core.adapters.process.supervisor.records import ProcessRecords
from pushpaka_core.host.process_trees import worker_processes
from pushpaka_shim.syscalls import all_pids


@frozen
class ProcessOwnership:
    """Compares the processes of this host with the records of launched programs. Methods block."""

    _records: ProcessRecords
    _cgroups: Callable[[], Cgroups]

    def listener(self, port: int, host: str) -> str | None:
        """
        Return the launched program that listens on *port*, "" for another program or several
        programs, or None if no program listens.
        """
        inodes = sockets_on(port, host)
        if not inodes:
            return None
        if name := self._program_holding(inodes):
            return name
        # The process table is read last, so that it contains every process that holds the socket: a
        # server forks its workers just after it starts to listen.
        holders, owners, table = (
            pids_holding(inodes, all_pids()),
            self._owners(),
            ProcessTable.read(),
        )
        names = {_owner_in(table.ancestry_of(pid), owners) for pid in holders & table.pids}
        if not names and inodes.isdisjoint(sockets_on(port, host)):
            return None  # The sockets were closed in between; their holders are not hidden.
        return names.pop() if len(names) == 1 else ""

    def ports(self, name: str) -> Sequence[int]:
        """Return the ports that the process tree of *name* listens on."""
        table, owners = ProcessTable.read(), self._owners()
        tree = (pid for pid in table.pids if _owner_in(table.ancestry_of(pid), owners) == name)
        return sorted(listening_ports(tree))

    def workers(self, name: str) -> frozenset[str]:
        """Return the worker processes in the process tree of *name*."""
        record = self._records.current(name)
        is_watched = record is not None and is_running(record["shim"])
        return worker_processes(record["shim"]["pid"]) if record and is_watched else frozenset()

    def orphans(self) -> set[int]:
        """Return the processes of this instance that belong to no launched program."""
        orphans = ProcessTable.read().orphans(self._records.instance(), self._owners())
        return orphans | pids_in(self._abandoned_groups())

    def remove_abandoned_groups(self) -> None:
        """Remove the empty control groups that no longer belong to a program."""
        remove_empty_groups(self._abandoned_groups())

    def _program_holding(self, inodes: set[str]) -> str | None:
        """
        Return the only launched program that holds a single socket, or None if there is none or if
        there are several sockets.

        This takes less time than reading the open files of every process of the host.
        """
        if len(inodes) > 1:
            return None
        owners, table = self._owners(), ProcessTable.read()
        owner_of = {pid: _owner_in(table.ancestry_of(pid), owners) for pid in table.pids}
        programs = [pid for pid, name in owner_of.items() if name]
        names = {owner_of[pid] for pid in pids_holding(inodes, programs)}
        return names.pop() if len(names) == 1 else None

    def _owners(self) -> dict[int, str]:
        """Return the names of launched programs by the pids of their shims and main processes."""
        records = [self._records.current(process.name) for process in self._records.inspect_all()]
        return {
            identity["pid"]: record["name"]
            for record in records
            if record
            for identity in (record["shim"], record["program"])
            if is_running(identity)
        }

    def _abandoned_groups(self) -> Sequence[Path]:
        """Return the control groups that no longer belong to a program."""
        instance = self._records.instance()
        # Groups are listed before programs: a group created in between is not in the list.
        groups = self._cgroups().existing_groups(instance)
        names = (
            {*ProcessTable.read().watched_names(instance), *self._owners().values()}
            if groups
            else ()
        )
        return [group for group, name in groups.items() if name not in names]


def _owner_in(ancestry: Sequence[int], owners: Mapping[int, str]) -> str:
    return next((owners[pid] for pid in ancestry if pid in owners), "")
