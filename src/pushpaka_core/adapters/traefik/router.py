"""The router as a file that Traefik follows."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from anyio import Lock, move_on_after, to_thread
from attrs import define, field

from pushpaka_core.adapters.traefik.client import plain_client
from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.shown import ShownGeneration
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import RouteTable


@asynccontextmanager
async def open_traefik_router(
    directory: TraefikDirectory,
    entry_points: EntryPoints,
    *,
    deadline: timedelta = timedelta(seconds=5),
) -> AsyncIterator["TraefikRouter"]:
    """Connect to the Traefik that follows *directory*; it may be started before or after."""
    async with plain_client(f"http://{entry_points.internal_address}") as client:
        yield TraefikRouter(directory, entry_points, ShownGeneration(client), deadline)


@define
class TraefikRouter:
    """Writes the whole table at once, then asks Traefik until it shows that table's generation."""

    _directory: TraefikDirectory
    _entry_points: EntryPoints
    _shown: ShownGeneration
    _deadline: timedelta
    _lock: Lock = field(factory=Lock, init=False)

    async def apply(self, table: RouteTable, /) -> None:
        """Put *table*, or the newer one that is there already, in force."""
        async with self._lock:
            await to_thread.run_sync(self._directory.write_table, table, self._entry_points)
            await self._wait_for(table.generation)

    async def generation(self) -> int | None:
        """Ask Traefik."""
        return await self._shown.now()

    async def certificates(self) -> Mapping[str, datetime]:
        """Read those of the operator, and those that Traefik has obtained."""
        return await to_thread.run_sync(self._directory.certificates, self._entry_points)

    async def _wait_for(self, generation: int) -> None:
        with move_on_after(self._deadline.total_seconds()):
            await self._shown.reach(generation)
            return
        raise RouterUnavailableError(
            f"Traefik does not show route table {generation} after "
            f"{self._deadline.total_seconds():g} seconds; it is down or hangs."
        )
