"""The router adapter for a local Traefik that watches a file."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from anyio import Lock, move_on_after, to_thread
from attrs import define, field

from pushpaka_core.adapters.traefik.client import http_client
from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_core.adapters.traefik.connections import open_connections
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.generation_probe import GenerationProbe
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import RouteTable, Upstream


@asynccontextmanager
async def open_traefik_router(
    directory: TraefikDirectory,
    entry_points: EntryPoints,
    *,
    deadline: timedelta = timedelta(seconds=5),
) -> AsyncIterator["TraefikRouter"]:
    """
    Yield a router for the Traefik that watches *directory*, which need not be running yet.

    *deadline* limits how long `apply` waits for Traefik to use a table.
    """
    async with http_client(f"http://{entry_points.internal_address}") as client:
        yield TraefikRouter(directory, entry_points, GenerationProbe(client), deadline)


@define
class TraefikRouter:
    """Writes the route table to a file, and waits until Traefik reports its generation."""

    _directory: TraefikDirectory
    _entry_points: EntryPoints
    _probe: GenerationProbe
    _deadline: timedelta
    _lock: Lock = field(factory=Lock, init=False)

    async def apply(self, table: RouteTable, /) -> None:
        """
        Activate *table*, unless a newer one is active.

        Raises:
            RouterUnavailableError: If Traefik does not use the table before the deadline.
        """
        async with self._lock:
            await to_thread.run_sync(self._directory.write_table, table, self._entry_points)
            await self._wait_for(table.generation)

    async def generation(self) -> int | None:
        """Return the generation that Traefik uses."""
        return await self._probe.current()

    async def open_connections(self, upstreams: Collection[Upstream], /) -> int | None:
        """Return the number of connections from this host to *upstreams*."""
        return await to_thread.run_sync(open_connections, upstreams)

    async def certificates(self) -> Mapping[str, datetime]:
        """
        Return the host names in the operator's certificates and in those from ACME, with the time
        of expiry.
        """
        return await to_thread.run_sync(self._directory.certificates, self._entry_points)

    async def _wait_for(self, generation: int) -> None:
        with move_on_after(self._deadline.total_seconds()):
            await self._probe.wait_for(generation)
            return
        raise RouterUnavailableError(
            f"Traefik did not apply route table {generation} within "
            f"{self._deadline.total_seconds():g} seconds. Check that it is running."
        )
