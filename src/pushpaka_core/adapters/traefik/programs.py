"""Supervises one program of the router."""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

import httpx
from anyio import connect_tcp, create_task_group, current_time, move_on_after, sleep, to_thread
from attrs import field, frozen

from pushpaka_core.adapters.traefik.client import http_client
from pushpaka_core.adapters.traefik.configuration import GRACE_PERIOD
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.ports import Endpoint, require_free
from pushpaka_core.errors import PushpakaError, RouterUnavailableError, SettingsError
from pushpaka_core.ports.processes import Command, ProcessManager

logger = logging.getLogger(__name__)

_START_TIMEOUT = timedelta(seconds=20)
_KILL_AFTER = GRACE_PERIOD + timedelta(seconds=3)
_POLL_SECONDS = 0.25
_STARTUP_POLL_SECONDS = 0.02
_CONNECT_SECONDS = 0.1
_MIN_BACKOFF = 0.1
_MAX_BACKOFF = 30.0
_STABLE_SECONDS = 60.0
_LAST_LINES = 5
_PROBE_SECONDS = 2.0
_FILE_CHECK_SECONDS = 1.0
_MAX_FAILED_PROBES = 5
"""Consecutive failed requests (of up to 1 s each) after which a program is considered hung."""
_HUNG_GRACE_PERIOD = timedelta(seconds=1)


@frozen(kw_only=True)
class Program:
    """A program, its configuration, and the addresses that it listens on."""

    name: str
    """The name of the launched process."""
    label: str
    """The name of the program in messages."""
    binary: Path
    """The installed file. The program is replaced when it changes."""
    argv: Sequence[str]
    env: Mapping[str, str] = field(factory=dict)
    file: Path
    """The configuration file that the program reads at startup."""
    prepare: Callable[[], None]
    """A function that creates everything else that the program needs."""
    configure: Callable[[str], str]
    """
    A function that returns the configuration, which contains the given id of the program's build.
    """
    endpoints: Sequence[Endpoint]
    """The addresses that the program listens on. The last one responds to HTTP once it is up."""


@frozen
class ProgramSupervisor:
    """Starts a program, or adopts the running one, and restarts it when it dies or hangs."""

    _process_manager: ProcessManager
    _directory: TraefikDirectory
    _program: Program

    async def start(self) -> None:
        """
        Start the program if it is not running with the current configuration. Idempotent.

        A program with another configuration, or of another build, is replaced.

        Raises:
            SettingsError: If an address cannot be bound, also if another program takes it during
                the start, or if the program is not installed.
            RouterUnavailableError: If it exits immediately, or does not respond within 20 s.
        """
        text = await to_thread.run_sync(self._configuration)
        if await self._is_running_with(text):
            return
        await self._require_endpoints()
        await self.stop()
        await to_thread.run_sync(self._prepare, text)
        await self._launch()

    async def watch(self) -> NoReturn:
        """
        Restart the program whenever it dies, until this call is canceled.

        The delay grows from 0.1 s to 30 s, and is reset once the program has run for a minute. A
        program that has not responded for about 15 s is stopped, and thereby restarted.
        """
        pause = _MIN_BACKOFF
        while True:
            if await self._run_time() > _STABLE_SECONDS:
                pause = _MIN_BACKOFF
            logger.warning(
                "%s is not running. Restarting it in %.1f seconds.", self._program.label, pause
            )
            await sleep(pause)
            pause = min(pause * 2, _MAX_BACKOFF)
            await self._try_to_start()

    async def stop(self) -> None:
        """Stop the program after a grace period for open requests. Idempotent."""
        await self._process_manager.stop(self._program.name, grace_period=_KILL_AFTER)
        await self._process_manager.remove(self._program.name)

    def _configuration(self) -> str:
        return self._program.configure(f"{self._program.binary} of {self._built_at()}")

    def _built_at(self) -> int:
        binary = self._program.binary
        try:
            return binary.stat().st_mtime_ns
        except OSError as error:
            raise SettingsError(
                f"The router binary {binary} no longer exists. Reinstall the package "
                f"{binary.name}-bin."
            ) from error

    def _prepare(self, configuration: str) -> None:
        self._program.prepare()
        self._directory.write(self._program.file, configuration)

    async def _is_running_with(self, configuration: str) -> bool:
        if not await self._is_alive():
            return False
        return configuration == await to_thread.run_sync(self._directory.read, self._program.file)

    async def _require_endpoints(self) -> None:
        for endpoint in self._program.endpoints:
            is_ours = await self._listens_on(endpoint.port)
            await to_thread.run_sync(partial(require_free, endpoint, is_ours=is_ours))

    async def _listens_on(self, port: int) -> bool:
        return await self._process_manager.listening_program(port) == self._program.name

    async def _launch(self) -> None:
        await self._process_manager.launch(self._program.name, self._command())
        with move_on_after(_START_TIMEOUT.total_seconds()):
            async with self._client() as client:
                await self._wait_for_response(client)
            return
        raise RouterUnavailableError(
            f"{self._program.label} was started but is not responding on {self._address}. Check "
            "this host's free memory and CPU load."
        )

    @property
    def _address(self) -> str:
        return self._program.endpoints[-1].address

    def _client(self) -> httpx.AsyncClient:
        return http_client(f"http://{self._address}")

    def _command(self) -> Command:
        return Command(
            argv=self._program.argv,
            directory=self._directory.path,
            env=self._program.env,
        )

    async def _wait_for_response(self, client: httpx.AsyncClient) -> None:
        # Another program that took the port first, such as another router, may respond instead.
        port = self._program.endpoints[-1].port
        while not (await _responds(client) and await self._listens_on(port)):
            await self._require_alive()
            await sleep(_STARTUP_POLL_SECONDS)
        for endpoint in self._program.endpoints[:-1]:
            while not await _accepts_connections(endpoint):
                await self._require_alive()
                await sleep(_STARTUP_POLL_SECONDS)

    async def _require_alive(self) -> None:
        if await self._is_alive():
            return
        await self._require_endpoints()
        lines = deque[str](maxlen=_LAST_LINES)
        async for chunk in self._process_manager.output(self._program.name):
            lines.extend(chunk.data.decode(errors="replace").splitlines())
        raise RouterUnavailableError(
            f"{self._program.label} exited immediately after starting: " + " ".join(lines)
        )

    async def _run_time(self) -> float:
        begin = current_time()
        async with create_task_group() as watching:
            watching.start_soon(self._stop_when_hung)
            watching.start_soon(self._stop_when_file_is_lost)
            await self._wait_for_exit()
            watching.cancel_scope.cancel()
        return current_time() - begin

    async def _wait_for_exit(self) -> None:
        while True:
            if not await self._check_or_assume(self._is_alive):
                return
            await sleep(_POLL_SECONDS)

    async def _check_or_assume(self, check: Callable[[], Awaitable[bool]]) -> bool:
        """Return the result of *check*, or True if the host does not allow the check."""
        try:
            return await check()
        except PushpakaError as error:
            logger.warning("%s cannot be checked: %s", self._program.label, error)
            return True

    async def _stop_when_hung(self) -> None:
        failed_probes = 0
        async with self._client() as client:
            while failed_probes < _MAX_FAILED_PROBES:
                await sleep(_PROBE_SECONDS)
                # If this process is out of descriptors, the check fails without the program being
                # at fault.
                with suppress(PushpakaError):
                    is_fine = await _responds(client) or not await self._is_alive()
                    failed_probes = 0 if is_fine else failed_probes + 1
        logger.warning("%s is running but not responding. Restarting it.", self._program.label)
        await self._stop_with_retries(_HUNG_GRACE_PERIOD)

    async def _stop_when_file_is_lost(self) -> None:
        """
        Stop the program when the file that it watches is deleted, because it would not notice a new
        file.
        """
        while True:
            await sleep(_FILE_CHECK_SECONDS)
            if not await self._check_or_assume(self._has_file):
                break
        logger.warning(
            "Restarting %s because its file %s was deleted.",
            self._program.label,
            self._program.file,
        )
        await self._stop_with_retries(_KILL_AFTER)

    async def _has_file(self) -> bool:
        return bool(await to_thread.run_sync(self._directory.read, self._program.file))

    async def _stop_with_retries(self, grace: timedelta) -> None:
        """Stop the program, and retry as long as the host cannot stop it."""
        while True:
            try:
                return await self._process_manager.stop(self._program.name, grace_period=grace)
            except PushpakaError as error:
                logger.warning("%s cannot be stopped: %s", self._program.label, error)
                await sleep(_PROBE_SECONDS)

    async def _is_alive(self) -> bool:
        process = await self._process_manager.inspect(self._program.name)
        return process is not None and process.is_alive

    async def _try_to_start(self) -> None:
        try:
            await self.start()
        except PushpakaError as error:
            logger.warning("%s could not be started: %s", self._program.label, error)


async def _accepts_connections(endpoint: Endpoint) -> bool:
    """Return True if *endpoint* accepts a connection, which takes no time on the same host."""
    with suppress(OSError), move_on_after(_CONNECT_SECONDS):
        await (await connect_tcp(endpoint.host or "localhost", endpoint.port)).aclose()
        return True
    return False


async def _responds(client: httpx.AsyncClient) -> bool:
    try:
        await client.get("/")
    except httpx.TransportError:
        return False
    return True
