"""Keeps one program of the router running, whatever becomes of it or of the platform."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import httpx
from anyio import create_task_group, current_time, move_on_after, sleep, to_thread
from attrs import field, frozen

from pushpaka_core.adapters.traefik.client import plain_client
from pushpaka_core.adapters.traefik.configuration import GRACE
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.ports import Endpoint, require_free
from pushpaka_core.errors import PushpakaError, RouterUnavailableError, SettingsError
from pushpaka_core.ports.processes import Command, Processes

logger = logging.getLogger(__name__)

_START_DEADLINE = timedelta(seconds=20)
_KILL_AFTER = GRACE + timedelta(seconds=3)
_LOOK_EVERY = 0.25
_LOOK_FOR_ANSWER_EVERY = 0.02
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 30.0
_PROVEN_AFTER = 60.0
_LAST_LINES = 5
_ASK_EVERY = 1.0
_MOST_MISSES = 8
"""Questions in a row without an answer, each of up to a second, after which a program hangs."""
_HANGING_GRACE = timedelta(seconds=1)


@frozen(kw_only=True)
class Program:
    """What is started, and where it answers then."""

    name: str
    """Under which it is launched."""
    label: str
    """What messages call it."""
    binary: Path
    arguments: Sequence[str]
    env: Mapping[str, str] = field(factory=dict)
    file: Path
    """Where it reads its configuration when it starts."""
    prepare: Callable[[], None]
    """Sees to what it needs beside that file."""
    configure: Callable[[str], str]
    """Returns that configuration, with a remark of which build of the program reads it."""
    endpoints: Sequence[Endpoint]
    """Where it listens; at the last of them it answers as soon as it is up."""


@frozen
class SupervisedProgram:
    """Starts a program or adopts the one that runs, and again when it dies or hangs."""

    _processes: Processes
    _directory: TraefikDirectory
    _program: Program

    async def start(self) -> None:
        """
        Have the program running as configured; harmless when it does already.

        One that runs with another configuration, or from another build of the
        program, is replaced.

        Raises:
            SettingsError: If it cannot listen where it shall.
            RouterUnavailableError: If it ends at once or never answers.
        """
        text = await to_thread.run_sync(self._configuration)
        if await self._runs_with(text):
            return
        await self._require_endpoints()
        await self.stop()
        await to_thread.run_sync(self._prepare, text)
        await self._launch()

    async def watch(self) -> NoReturn:
        """
        Start the program again whenever it dies, sooner at first, until this is cancelled.

        One that lives and has not answered for some 15 seconds is ended, and so started again.
        """
        pause = _FIRST_PAUSE
        while True:
            if await self._time_alive() > _PROVEN_AFTER:
                pause = _FIRST_PAUSE
            logger.warning(
                "%s does not run; it is started again in %.1f seconds", self._program.label, pause
            )
            await sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            await self._try_to_start()

    async def stop(self) -> None:
        """End the program, giving its open requests a moment. Harmless when none runs."""
        await self._processes.stop(self._program.name, grace=_KILL_AFTER)
        await self._processes.forget(self._program.name)

    def _configuration(self) -> str:
        return self._program.configure(f"{self._program.binary} of {self._built_at()}")

    def _built_at(self) -> int:
        binary = self._program.binary
        try:
            return binary.stat().st_mtime_ns
        except OSError as error:
            raise SettingsError(
                f"The router's program {binary} is gone. Install {binary.name}-bin again."
            ) from error

    def _prepare(self, text: str) -> None:
        self._program.prepare()
        self._directory.write(self._program.file, text)

    async def _runs_with(self, text: str) -> bool:
        if not await self._is_alive():
            return False
        return text == await to_thread.run_sync(self._directory.read, self._program.file)

    async def _require_endpoints(self) -> None:
        for endpoint in self._program.endpoints:
            if await self._processes.listener(endpoint.port) != self._program.name:
                await to_thread.run_sync(require_free, endpoint)

    async def _launch(self) -> None:
        await self._processes.launch(self._program.name, self._command())
        with move_on_after(_START_DEADLINE.total_seconds()):
            async with self._client() as client:
                await self._wait_for_answer(client)
            return
        raise RouterUnavailableError(
            f"{self._program.label} was started and does not answer on {self._address}."
        )

    @property
    def _address(self) -> str:
        return self._program.endpoints[-1].address

    def _client(self) -> httpx.AsyncClient:
        return plain_client(f"http://{self._address}")

    def _command(self) -> Command:
        return Command(
            argv=(str(self._program.binary), *self._program.arguments),
            directory=self._directory.path,
            env=self._program.env,
        )

    async def _wait_for_answer(self, client: httpx.AsyncClient) -> None:
        while not await _answers(client):
            await self._require_alive()
            await sleep(_LOOK_FOR_ANSWER_EVERY)

    async def _require_alive(self) -> None:
        if await self._is_alive():
            return
        lines = deque[str](maxlen=_LAST_LINES)
        async for chunk in self._processes.output(self._program.name):
            lines.extend(chunk.data.decode(errors="replace").splitlines())
        raise RouterUnavailableError(
            f"{self._program.label} ended as soon as it was started: " + " ".join(lines)
        )

    async def _time_alive(self) -> float:
        begin = current_time()
        async with create_task_group() as watching:
            watching.start_soon(self._end_once_it_hangs)
            await self._wait_for_its_end()
            watching.cancel_scope.cancel()
        return current_time() - begin

    async def _wait_for_its_end(self) -> None:
        while True:
            if not await self._is_alive():
                return
            await sleep(_LOOK_EVERY)

    async def _end_once_it_hangs(self) -> None:
        misses = 0
        async with self._client() as client:
            while misses < _MOST_MISSES:
                await sleep(_ASK_EVERY)
                misses = 0 if await _answers(client) else misses + 1
        logger.warning("%s runs and does not answer; it is ended", self._program.label)
        await self._processes.stop(self._program.name, grace=_HANGING_GRACE)

    async def _is_alive(self) -> bool:
        process = await self._processes.inspect(self._program.name)
        return process is not None and process.is_alive

    async def _try_to_start(self) -> None:
        try:
            await self.start()
        except PushpakaError as error:
            logger.warning("%s could not be started: %s", self._program.label, error)


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        await client.get("/")
    except httpx.TransportError:
        return False
    return True
