"""Runs programs on this host, each under its own shim process."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from anyio import (
    CancelScope,
    CapacityLimiter,
    fail_after,
    move_on_after,
    sleep,
    to_thread,
    wait_readable,
)
from attrs import field, frozen

from pushpaka_core.adapters.process.os_errors import translate_os_errors
from pushpaka_core.adapters.process.sandbox.cgroups import (
    Cgroups,
    available_cgroups,
    niceness,
    pids_in,
    process_limits,
    remove_empty_groups,
)
from pushpaka_core.adapters.process.supervisor.output_log import read_chunks
from pushpaka_core.adapters.process.supervisor.ownership import ProcessOwnership
from pushpaka_core.adapters.process.supervisor.process_table import MARK, ProcessTable
from pushpaka_core.adapters.process.supervisor.records import ProcessRecords
from pushpaka_core.adapters.process.supervisor.recovery import lost_records
from pushpaka_core.adapters.process.supervisor.shims import Shim
from pushpaka_core.adapters.process.supervisor.stopping import (
    kill_all,
    open_shim_pidfd,
    stop_through_shim,
    stop_without_shim,
)
from pushpaka_core.errors import ConflictError, PlatformFaultError
from pushpaka_core.host.process_output import discard_output
from pushpaka_core.ports.processes import Command, Exit, LaunchedProcess, OutputChunk

if TYPE_CHECKING:
    from pushpaka_shim.protocol import Identity, Record, Report, SpawnRequest

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_POLL_SECONDS = 0.1
_MAX_POLL_SECONDS = 0.4


@frozen
class HostProcesses:
    """
    Starts programs on this host and finds them again through a state directory.

    The state directory must be private to one instance of the platform. File system access happens
    in worker threads.
    """

    _records: ProcessRecords = field(converter=ProcessRecords)
    _cgroups: Callable[[], Cgroups] = available_cgroups
    _thread_limiter: CapacityLimiter = field(factory=lambda: CapacityLimiter(16), repr=False)
    _ownership: ProcessOwnership = field(init=False)

    @_ownership.default
    def _default_ownership(self) -> ProcessOwnership:
        return ProcessOwnership(self._records, self._cgroups)

    async def run(
        self,
        command: Command,
        /,
        *,
        on_output: Callable[[OutputChunk], Awaitable[None]],
        timeout: timedelta | None = None,
    ) -> Exit:
        """
        Run *command* to completion, under a shim that kills the command if the run is canceled or
        the platform dies.
        """
        instance = await self._in_thread(self._records.instance)
        request = await self._in_thread(self._spawn_request, f"run.{token_hex(8)}", command, None)
        with fail_after(timeout.total_seconds() if timeout else None):
            report = await self._run(request, command.stdin, instance, on_output)
        return _exit(command, report)

    async def _run(
        self,
        request: SpawnRequest,
        stdin: bytes,
        instance: str,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Report:
        shim = await to_thread.run_sync(Shim.start, request, stdin, instance)
        try:
            await shim.relay_output(on_output)
        finally:
            with CancelScope(shield=True):
                await shim.close()
                if shim.has_failed:
                    mark, groups = f"{instance}:{request['name']}", list(request["groups"])
                    await kill_all(partial(_remaining_processes, mark, None, groups))
                    await self._in_thread(remove_empty_groups, groups)
        return shim.report

    async def launch(self, name: str, command: Command, /) -> LaunchedProcess:
        """
        Start *command* under a shim that outlives the platform, unless
        *name* was launched already.
        """
        if known := await self._in_thread(self._records.inspect, name):
            return known
        with CancelScope(shield=True):
            report = await self._launch(name, command)
        if not {"pid", "taken"} & set(report):
            await self._in_thread(self._records.delete, name)
            raise _start_error(command, report)
        return await self._wait_for_record(name)

    async def _launch(self, name: str, command: Command) -> Report:
        directory = await self._in_thread(self._records.create_directory, name)
        instance = await self._in_thread(self._records.instance)
        request = await self._in_thread(self._spawn_request, name, command, directory)
        shim = await to_thread.run_sync(Shim.start, request, command.stdin, instance)
        await shim.relay_output(discard_output)
        await shim.close()
        return shim.report

    async def inspect(self, name: str, /) -> LaunchedProcess | None:
        """Return the state of the process *name*, or None if it is unknown."""
        return await self._in_thread(self._inspect, name)

    async def list_launched(self) -> Sequence[LaunchedProcess]:
        """Return all launched programs that have not been removed."""
        return await self._in_thread(self._launched_processes)

    async def stop(self, name: str, /, *, grace_period: timedelta) -> None:
        """
        Ask the shim of *name* to stop the program. If there is no shim, find and stop the
        processes.
        """
        record = await self._in_thread(self._current_record, name)
        if record is None:
            return
        await stop_through_shim(record, grace_period)
        if await self._in_thread(self._records.exit, name) is None:
            mark = f"{await self._in_thread(self._records.instance)}:{name}"
            find = partial(_remaining_processes, mark, record["program"], record["groups"])
            await stop_without_shim(record, find, grace_period)
            await self._in_thread(remove_empty_groups, record["groups"])

    async def remove(self, name: str, /) -> None:
        """
        Delete the record and output of a stopped process.

        Raises:
            ConflictError: If the process is running.
        """
        process = await self.inspect(name)
        if process is not None and process.is_alive:
            raise ConflictError(f"The process {name} is still running. Stop it first.")
        await self._in_thread(self._records.delete, name)

    async def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """Yield stored output. The poll interval grows from 0.1 s to 0.4 s while there is none."""
        position, pause = after, _POLL_SECONDS
        async with _shim_waiter(await self._in_thread(self._open_shim, name)) as has_ended:
            while True:
                chunks, is_last = await self._in_thread(self._read_next_chunks, name, position)
                for chunk in chunks:
                    position = chunk.position
                    yield chunk
                if is_last or not (chunks or follow):
                    return
                pause = _POLL_SECONDS if chunks else min(pause * 1.5, _MAX_POLL_SECONDS)
                if not chunks:
                    await has_ended(pause)

    async def listening_program(self, port: int, /, *, host: str = "127.0.0.1") -> str | None:
        """
        Return the name of the launched program that listens on *port*, "" for any other program, or
        None if no program listens.
        """
        return await self._in_thread(self._listener, port, host)

    async def listening_ports(self, name: str, /) -> Sequence[int]:
        """Return the ports that the process tree of *name* listens on."""
        return await self._in_thread(self._ports, name)

    async def worker_processes(self, name: str, /) -> frozenset[str]:
        """Return the worker processes in the process tree of *name*."""
        return await self._in_thread(self._workers, name)

    async def kill_orphans(self) -> int:
        """
        Kill the processes of this instance that belong to no launched
        program. Return their number.
        """
        if found := await self._in_thread(self._ownership.orphans):
            await kill_all(self._ownership.orphans)
        await self._in_thread(self._ownership.remove_abandoned_groups)
        return len(found)

    def _open_shim(self, name: str) -> int | None:
        """Return a pidfd of the shim of *name*, or None if it has ended."""
        record = self._records.current(name)
        return open_shim_pidfd(record) if record else None

    def _listener(self, port: int, host: str) -> str | None:
        name = self._ownership.listener(port, host)
        if name == "":
            # It may be a launched program whose record has just been lost.
            self._recover()
            name = self._ownership.listener(port, host)
        return name

    def _ports(self, name: str) -> Sequence[int]:
        self._recover_record(name)
        return self._ownership.ports(name)

    def _workers(self, name: str) -> frozenset[str]:
        self._recover_record(name)
        return self._ownership.workers(name)

    def _inspect(self, name: str) -> LaunchedProcess | None:
        self._recover_record(name)
        return self._records.inspect(name)

    def _launched_processes(self) -> Sequence[LaunchedProcess]:
        self._recover()
        return self._records.inspect_all()

    def _current_record(self, name: str) -> Record | None:
        self._recover_record(name)
        return self._records.current(name)

    def _recover_record(self, name: str) -> None:
        if self._records.record(name) is None:
            self._recover()

    def _recover(self) -> None:
        """Recreate the records of running programs whose records are lost or damaged."""
        instance = self._records.instance()
        known = [process.name for process in self._records.inspect_all()]
        groups: dict[str, list[str]] = {}
        for group, name in self._cgroups().existing_groups(instance).items():
            groups.setdefault(name, []).append(str(group))
        for record in lost_records(instance, known, groups):
            logger.warning(
                "The record of the process %s was lost. It was recreated from the process itself.",
                record["name"],
            )
            self._records.write(record)

    def _read_next_chunks(self, name: str, position: str) -> tuple[Sequence[OutputChunk], bool]:
        """Return the next chunks, and True if no more can follow."""
        process = self._records.inspect(name)
        is_dead = process is None or not process.is_alive
        chunks = read_chunks(self._records.directory(name), position)
        return chunks, is_dead and not chunks

    def _spawn_request(self, name: str, command: Command, state: Path | None) -> SpawnRequest:
        """
        Return the request that tells a shim what to run.

        Limits that control groups enforce are not also set per process.
        """
        instance, cgroups = self._records.instance(), self._cgroups()
        return {
            "name": name,
            "argv": list(command.argv),
            "directory": str(command.directory),
            "env": {**command.env, MARK: f"{instance}:{name}"},
            "uid": command.uid,
            "private_tmp": str(command.private_tmp) if command.private_tmp else None,
            "limits": process_limits(command, controllers=cgroups.controllers),
            "niceness": niceness(command.limits, controllers=cgroups.controllers),
            "groups": cgroups.groups_for(instance, name, command.limits),
            "state": None if state is None else str(state.absolute()),
        }

    async def _wait_for_record(self, name: str) -> LaunchedProcess:
        """Wait up to 5 s for the record of *name*, which a concurrent launch may be writing."""
        for _ in range(50):
            if process := await self.inspect(name):
                return process
            await sleep(_POLL_SECONDS)
        raise PlatformFaultError(
            f"The process {name} was launched, but wrote no record within 5 s. Check this host's "
            "CPU load and free disk space."
        )

    async def _in_thread(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        with translate_os_errors("Reading the state of the programs"):
            call = partial(function, *args, **kwargs)
            return await to_thread.run_sync(call, limiter=self._thread_limiter)


@asynccontextmanager
async def _shim_waiter(shim: int | None) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
    """Yield a function that waits until the shim ends, but no longer than the given seconds."""
    has_ended = shim is None

    async def wait(seconds: float) -> None:
        nonlocal has_ended
        with move_on_after(seconds):
            if has_ended or shim is None:
                await sleep(seconds)
            else:
                await wait_readable(shim)
                has_ended = True

    try:
        yield wait
    finally:
        if shim is not None:
            os.close(shim)


def _exit(command: Command, report: Report) -> Exit:
    match report:
        case {"code": int(code)}:
            return Exit(code=code, memory_limit=report.get("memory_limit"))
        case {"signal": int(number)}:
            return Exit(signal=number, memory_limit=report.get("memory_limit"))
    raise _start_error(command, report)


def _start_error(command: Command, report: Report) -> PlatformFaultError:
    reason = report.get("error", "its shim process was killed")
    logger.warning("%s in %s could not be run: %s.", command.argv[0], command.directory, reason)
    return PlatformFaultError(f"{Path(command.argv[0]).name} could not be run: {reason}.")


def _remaining_processes(mark: str, program: Identity | None, groups: Sequence[str]) -> set[int]:
    return ProcessTable.read().remaining_processes(mark, program) | pids_in(groups)
