"""Keeps a Traefik of ours running, and beside it the server of its unavailable page."""

from collections.abc import Iterator
from functools import partial
from typing import NoReturn

from anyio import create_task_group
from attrs import frozen

from pushpaka_core.adapters.traefik.binary import Binaries
from pushpaka_core.adapters.traefik.configuration import EntryPoints, static_configuration
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.page import page_configuration
from pushpaka_core.adapters.traefik.ports import Endpoint
from pushpaka_core.adapters.traefik.programs import Program, SupervisedProgram
from pushpaka_core.ports.processes import Processes

_CHOOSE_AGAIN = "Remove choices.json in the data directory, and another one is chosen"


@frozen
class TraefikSupervisor:
    """Starts Traefik and Caddy or adopts those that run, and starts again which of them dies."""

    _processes: Processes
    _directory: TraefikDirectory
    _entry_points: EntryPoints
    _binaries: Binaries

    async def start(self) -> None:
        """Have both running as configured, Traefik first: applications wait for nothing else."""
        await self._traefik().start()
        await self._page().start()

    async def watch(self) -> NoReturn:
        """Start each of them again whenever it dies, until this call is cancelled."""
        while True:
            async with create_task_group() as watching:
                watching.start_soon(self._traefik().watch)
                watching.start_soon(self._page().watch)

    async def stop(self) -> None:
        """End both, Traefik first, giving its open requests a moment."""
        await self._traefik().stop()
        await self._page().stop()

    def _traefik(self) -> SupervisedProgram:
        file = self._directory.static_file
        return self._supervised(
            Program(
                name="traefik",
                label="Traefik",
                binary=self._binaries.traefik,
                arguments=(f"--configFile={file}",),
                file=file,
                prepare=partial(self._directory.prepare_routes, self._entry_points),
                configure=self._static_configuration,
                endpoints=(
                    Endpoint(
                        host=self._entry_points.host,
                        port=self._entry_points.port,
                        way_out="Set PUSHPAKA_ROUTER_PORT to another port",
                    ),
                    *self._https_endpoints(),
                    _inner(self._entry_points.internal_port),
                ),
            )
        )

    def _https_endpoints(self) -> Iterator[Endpoint]:
        if https := self._entry_points.https:
            way_out = "Set PUSHPAKA_HTTPS_PORT to another port"
            yield Endpoint(host=self._entry_points.host, port=https.port, way_out=way_out)

    def _page(self) -> SupervisedProgram:
        file = self._directory.page_file
        return self._supervised(
            Program(
                name="unavailable",
                label="The server of the unavailable page",
                binary=self._binaries.caddy,
                arguments=("run", "--config", str(file)),
                env=dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(self._directory.path)),
                file=file,
                prepare=self._directory.prepare,
                configure=self._page_configuration,
                endpoints=(_inner(self._entry_points.page_port),),
            )
        )

    def _supervised(self, program: Program) -> SupervisedProgram:
        return SupervisedProgram(self._processes, self._directory, program)

    def _static_configuration(self, build: str) -> str:
        routes_file = self._directory.routes_file
        return f"# {build}\n{static_configuration(self._entry_points, routes_file=routes_file)}"

    def _page_configuration(self, build: str) -> str:
        return page_configuration(self._entry_points.page_address, build=build)


def _inner(port: int) -> Endpoint:
    return Endpoint(host="127.0.0.1", port=port, way_out=_CHOOSE_AGAIN)
