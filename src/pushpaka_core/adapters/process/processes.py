"""Programs on this host, each under a shim of its own."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from anyio import (
    CancelScope,
    CapacityLimiter,
    fail_after,
    sleep,
    to_thread,
)
from attrs import field, frozen

from pushpaka_core.adapters.process.cgroups import Cgroups, members, own_cgroups, remove
from pushpaka_core.adapters.process.limits import process_limits
from pushpaka_core.adapters.process.listeners import holders_of, ports_of, sockets_on
from pushpaka_core.adapters.process.output_log import read_chunks
from pushpaka_core.adapters.process.process_table import MARK, ProcessTable, lives
from pushpaka_core.adapters.process.records import Records
from pushpaka_core.adapters.process.shims import Shim
from pushpaka_core.adapters.process.stopping import kill, stop_by_shim, stop_without_shim
from pushpaka_core.errors import ConflictError, PlatformFaultError
from pushpaka_core.ports.processes import Command, Exit, LaunchedProcess, OutputChunk

if TYPE_CHECKING:
    from pushpaka_shim.orders import Identity, Order, Report

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_POLL_SECONDS = 0.1
_LONGEST_POLL_SECONDS = 0.4


@frozen
class HostProcesses:
    """
    Starts programs of this host and finds them again, by a state directory.

    The directory belongs to one platform, and nobody else may look into it.
    """

    _records: Records = field(converter=Records)
    _cgroups: Callable[[], Cgroups] = own_cgroups
    _threads: CapacityLimiter = field(factory=lambda: CapacityLimiter(16), repr=False)

    async def run(
        self,
        command: Command,
        /,
        *,
        on_output: Callable[[OutputChunk], Awaitable[None]],
        timeout: timedelta | None = None,
    ) -> Exit:
        """Run *command* under a shim that ends it when the platform hangs up, or dies."""
        instance = await self._in_thread(self._records.instance)
        order = await self._in_thread(self._order, f"run.{token_hex(8)}", command, None)
        with fail_after(timeout.total_seconds() if timeout else None):
            report = await self._run(order, command.stdin, instance, on_output)
        return _exit(command, report)

    async def _run(
        self,
        order: Order,
        stdin: bytes,
        instance: str,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Report:
        shim = await to_thread.run_sync(Shim.start, order, stdin, instance)
        try:
            await shim.follow(on_output)
        finally:
            with CancelScope(shield=True):
                await shim.end()
                if shim.was_killed:
                    mark, groups = f"{instance}:{order['name']}", list(order["groups"])
                    await kill(partial(_remains, mark, None, groups))
                    await self._in_thread(remove, groups)
        return shim.report

    async def launch(self, name: str, command: Command, /) -> LaunchedProcess:
        """Start *command* under a shim that lets go of the platform."""
        if known := await self.inspect(name):
            return known
        with CancelScope(shield=True):
            report = await self._launch(name, command)
        if not {"pid", "taken"} & set(report):
            await self._in_thread(self._records.drop, name)
            raise _start_fault(command, report)
        return await self._appeared(name)

    async def _launch(self, name: str, command: Command) -> Report:
        directory = await self._in_thread(self._records.make, name)
        instance = await self._in_thread(self._records.instance)
        order = await self._in_thread(self._order, name, command, directory)
        shim = await to_thread.run_sync(Shim.start, order, command.stdin, instance)
        await shim.follow(_discard)
        await shim.end()
        return shim.report

    async def inspect(self, name: str, /) -> LaunchedProcess | None:
        """Tell what is known of *name*, from its files and from what lives."""
        return await self._in_thread(self._records.inspect, name)

    async def launched(self) -> Sequence[LaunchedProcess]:
        """Return all that is launched and not forgotten."""
        return await self._in_thread(self._records.all)

    async def stop(self, name: str, /, *, grace: timedelta) -> None:
        """Ask the shim to end it, with two signals; without a shim, look for what is left of it."""
        record = await self._in_thread(self._records.current, name)
        if record is None:
            return
        await stop_by_shim(record, grace)
        if await self._in_thread(self._records.exit, name) is None:
            mark = f"{await self._in_thread(self._records.instance)}:{name}"
            find = partial(_remains, mark, record["program"], record["groups"])
            await stop_without_shim(record, find, grace)
            await self._in_thread(remove, record["groups"])

    async def forget(self, name: str, /) -> None:
        """Drop the files of a dead process."""
        process = await self.inspect(name)
        if process is not None and process.is_alive:
            raise ConflictError(f"The process {name} still runs; stop it first.")
        await self._in_thread(self._records.drop, name)

    async def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """Yield what the shim keeps; look for more often at first, less often in a silence."""
        position, pause = after, _POLL_SECONDS
        while True:
            chunks, is_last = await self._in_thread(self._read_on, name, position)
            for chunk in chunks:
                position = chunk.position
                yield chunk
            if is_last or not (chunks or follow):
                return
            pause = _POLL_SECONDS if chunks else min(pause * 1.5, _LONGEST_POLL_SECONDS)
            if not chunks:
                await sleep(pause)

    async def listener(self, port: int, /, *, host: str = "127.0.0.1") -> str | None:
        """Ask the kernel who holds the sockets, and whose descendants these are."""
        return await self._in_thread(self._listener, port, host)

    async def ports(self, name: str, /) -> Sequence[int]:
        """Ask the kernel what the descendants of *name* listen on."""
        return await self._in_thread(self._ports, name)

    async def sweep(self) -> int:
        """End what carries a mark of this platform and has nobody who answers for it."""
        found = await self._in_thread(self._orphans)
        await kill(self._orphans)
        await self._in_thread(self._remove_abandoned)
        return len(found)

    def _read_on(self, name: str, position: str) -> tuple[Sequence[OutputChunk], bool]:
        """Return the next chunks, and whether there can be no more."""
        process = self._records.inspect(name)
        is_dead = process is None or not process.is_alive
        chunks = read_chunks(self._records.directory(name), position)
        return chunks, is_dead and not chunks

    def _listener(self, port: int, host: str) -> str | None:
        inodes = sockets_on(port, host)
        if not inodes:
            return None
        table, owners = ProcessTable.read(), self._owners()
        holders = holders_of(inodes)
        if not holders and inodes.isdisjoint(sockets_on(port, host)):
            return None  # They were closed meanwhile, and not hidden from us.
        names = {_owner(table.line_of(pid), owners) for pid in holders}
        return names.pop() if len(names) == 1 else ""

    def _ports(self, name: str) -> Sequence[int]:
        table, owners = ProcessTable.read(), self._owners()
        tree = (pid for pid in table.pids if _owner(table.line_of(pid), owners) == name)
        return sorted(ports_of(tree))

    def _owners(self) -> dict[int, str]:
        """Return the launched names by the process ids of what stands above all their processes."""
        records = [self._records.current(process.name) for process in self._records.all()]
        return {
            identity["pid"]: record["name"]
            for record in records
            if record
            for identity in (record["shim"], record["program"])
            if lives(identity)
        }

    def _orphans(self) -> set[int]:
        orphans = ProcessTable.read().orphans(self._records.instance(), self._owners())
        return orphans | members(self._abandoned())

    def _remove_abandoned(self) -> None:
        remove(self._abandoned())

    def _abandoned(self) -> Sequence[Path]:
        """Return the groups for whose programs nobody answers any more."""
        instance = self._records.instance()
        # In this order: a group that is made meanwhile is not among them.
        groups = self._cgroups().made(instance)
        names = {*ProcessTable.read().shims(instance), *self._owners().values()} if groups else ()
        return [group for group, name in groups.items() if name not in names]

    def _order(self, name: str, command: Command, state: Path | None) -> Order:
        """Leave to groups of the kernel what can be; for each process there is a limit else."""
        instance, cgroups = self._records.instance(), self._cgroups()
        return {
            "name": name,
            "argv": list(command.argv),
            "directory": str(command.directory),
            "env": {**command.env, MARK: f"{instance}:{name}"},
            "uid": command.uid,
            "limits": process_limits(command, counted=cgroups.controllers),
            "groups": cgroups.around(instance, name, command.limits),
            "state": None if state is None else str(state.absolute()),
        }

    async def _appeared(self, name: str) -> LaunchedProcess:
        """Wait for the record of *name*, which another launch may be about to write."""
        for _ in range(50):
            if process := await self.inspect(name):
                return process
            await sleep(_POLL_SECONDS)
        raise PlatformFaultError(f"The process {name} was launched, but does not appear.")

    async def _in_thread(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await to_thread.run_sync(partial(function, *args, **kwargs), limiter=self._threads)


def _exit(command: Command, report: Report) -> Exit:
    match report:
        case {"code": int(code)}:
            return Exit(code=code, memory_limit=report.get("memory_limit"))
        case {"signal": int(number)}:
            return Exit(signal=number, memory_limit=report.get("memory_limit"))
    raise _start_fault(command, report)


def _start_fault(command: Command, report: Report) -> PlatformFaultError:
    reason = report.get("error", "the process that watches it was killed")
    logger.warning("%s in %s could not be run: %s", command.argv[0], command.directory, reason)
    return PlatformFaultError(f"{Path(command.argv[0]).name} could not be run: {reason}.")


def _owner(line: Sequence[int], owners: Mapping[int, str]) -> str:
    return next((owners[pid] for pid in line if pid in owners), "")


def _remains(mark: str, program: Identity | None, groups: Sequence[str]) -> set[int]:
    return ProcessTable.read().remains_of(mark, program) | members(groups)


async def _discard(_: OutputChunk) -> None:
    """Take output that there is none of."""
