"""Supervises Traefik, the error page server and the gate."""

import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import NoReturn

from anyio import create_task_group, sleep
from anyio.lowlevel import checkpoint
from attrs import frozen

from pushpaka_core.adapters.traefik import launcher
from pushpaka_core.adapters.traefik.binaries import Binaries
from pushpaka_core.adapters.traefik.configuration import (
    EntryPoints,
    launcher_options,
    static_configuration,
)
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.error_pages import page_configuration
from pushpaka_core.adapters.traefik.gate import program as gate_program
from pushpaka_core.adapters.traefik.gate.configuration import gate_configuration
from pushpaka_core.adapters.traefik.ports import Endpoint
from pushpaka_core.adapters.traefik.programs import Program, ProgramSupervisor
from pushpaka_core.ports.processes import ProcessManager

_FILTER_CHECK_SECONDS = 60.0
"""Seconds between checks of the packet filter, which other programs may flush."""
_CHOOSE_NEW_PORT = "Change this port in choices.json in the data directory"


@frozen
class TraefikSupervisor:
    """Starts or adopts Traefik, Caddy and the gate, and restarts them when they die."""

    _process_manager: ProcessManager
    _directory: TraefikDirectory
    _entry_points: EntryPoints
    _binaries: Binaries
    _limit_clients: Callable[[], Awaitable[None]] = checkpoint
    """A function that limits the connections of each client. Idempotent."""

    async def start(self) -> None:
        """
        Start Traefik, Caddy and the gate if necessary. Applications only depend on Traefik.

        Raises:
            SettingsError: If an address cannot be bound, or a program is not installed.
            RouterUnavailableError: If a program exits immediately or does not respond.
        """
        await self._limit_clients()
        for program in self._programs():
            await program.start()

    async def watch(self) -> NoReturn:
        """Restart each program whenever it dies, until this call is canceled."""
        while True:
            async with create_task_group() as watching:
                for program in self._programs():
                    watching.start_soon(program.watch)
                watching.start_soon(self._maintain_packet_filters)

    async def stop(self) -> None:
        """Stop Traefik and then the others, after a grace period for open requests. Idempotent."""
        for program in self._programs():
            await program.stop()

    async def _maintain_packet_filters(self) -> NoReturn:
        while True:
            await sleep(_FILTER_CHECK_SECONDS)
            await self._limit_clients()

    def _programs(self) -> Sequence[ProgramSupervisor]:
        return (self._traefik(), self._error_page_server(), self._gate())

    def _traefik(self) -> ProgramSupervisor:
        file = self._directory.static_file
        # Relative to the working directory: Traefik expands "$name" in paths.
        argv = (str(self._binaries.traefik), f"--configFile={file.name}")
        options = launcher_options(self._entry_points, *argv)
        return self._program_supervisor(
            Program(
                name="traefik",
                label="Traefik",
                binary=self._binaries.traefik,
                argv=(sys.executable, "-I", "-S", launcher.__file__, options),
                file=file,
                prepare=partial(self._directory.prepare_routes, self._entry_points),
                configure=self._static_configuration,
                endpoints=(
                    Endpoint(
                        host=self._entry_points.host,
                        port=self._entry_points.port,
                        remedy="Set PUSHPAKA_ROUTER_PORT to a different port",
                    ),
                    *self._https_endpoints(),
                    _internal_endpoint(self._entry_points.internal_port),
                ),
            )
        )

    def _https_endpoints(self) -> Iterator[Endpoint]:
        if https := self._entry_points.https:
            way_out = "Set PUSHPAKA_HTTPS_PORT to a different port"
            yield Endpoint(host=self._entry_points.host, port=https.port, remedy=way_out)

    def _error_page_server(self) -> ProgramSupervisor:
        file = self._directory.error_page_file
        return self._program_supervisor(
            Program(
                name="unavailable",
                label="The error page server",
                binary=self._binaries.caddy,
                argv=(str(self._binaries.caddy), "run", "--config", str(file)),
                env=dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(self._directory.path)),
                file=file,
                prepare=self._directory.prepare,
                configure=self._page_configuration,
                endpoints=(_internal_endpoint(self._entry_points.error_page_port),),
            )
        )

    def _gate(self) -> ProgramSupervisor:
        file = self._directory.gate_file
        return self._program_supervisor(
            Program(
                name="gate",
                label="The gate",
                binary=Path(sys.executable),
                # Without the working directory in the search path of modules.
                argv=(sys.executable, "-P", "-m", gate_program.__name__, file.name),
                file=file,
                prepare=partial(self._directory.prepare_routes, self._entry_points),
                configure=self._gate_configuration,
                endpoints=(_internal_endpoint(self._entry_points.gate_port),),
            )
        )

    def _program_supervisor(self, program: Program) -> ProgramSupervisor:
        return ProgramSupervisor(self._process_manager, self._directory, program)

    def _static_configuration(self, build_id: str) -> str:
        routes_file = Path(self._directory.routes_file.name)
        return f"# {build_id}\n{static_configuration(self._entry_points, routes_file=routes_file)}"

    def _page_configuration(self, build_id: str) -> str:
        return page_configuration(self._entry_points.error_page_address, build_id=build_id)

    def _gate_configuration(self, build_id: str) -> str:
        return gate_configuration(
            host="127.0.0.1",
            port=self._entry_points.gate_port,
            error_page_address=self._entry_points.error_page_address,
            routes_file=self._directory.routes_file,
            build_id=f"{build_id}, {_digest_of_modules(Path(gate_program.__file__).parent)}",
        )


def _digest_of_modules(package: Path) -> str:
    """Return a digest that changes when an upgrade changes the modules of *package*."""
    files = sorted(package.glob("*.py"))
    return blake2b(b"".join(file.read_bytes() for file in files), digest_size=8).hexdigest()


def _internal_endpoint(port: int) -> Endpoint:
    return Endpoint(host="127.0.0.1", port=port, remedy=_CHOOSE_NEW_PORT)
