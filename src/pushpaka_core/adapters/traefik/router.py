"""The router as a file that Traefik follows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
from anyio import Lock, move_on_after, sleep, to_thread
from attrs import define, field

from pushpaka_core.adapters.traefik.client import loopback_client
from pushpaka_core.adapters.traefik.configuration import (
    GENERATION_HEADER,
    GENERATION_PATH,
    EntryPoints,
)
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import RouteTable

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.03


@asynccontextmanager
async def open_traefik_router(
    directory: TraefikDirectory,
    entry_points: EntryPoints,
    *,
    deadline: timedelta = timedelta(seconds=5),
) -> AsyncIterator["TraefikRouter"]:
    """Connect to the Traefik that follows *directory*; it may be started before or after."""
    async with loopback_client(entry_points.internal_address) as client:
        yield TraefikRouter(directory, entry_points, client, deadline)


@define
class TraefikRouter:
    """Writes the whole table at once, then asks Traefik until it shows that table's generation."""

    _directory: TraefikDirectory
    _entry_points: EntryPoints
    _client: httpx.AsyncClient
    _deadline: timedelta
    _written: int = field(default=0, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    async def apply(self, table: RouteTable, /) -> None:
        """Put *table*, or the newer one that is there already, in force."""
        async with self._lock:
            if table.generation >= await self._newest():
                await self._write(table)
            await self._wait_for(table.generation)

    async def generation(self) -> int | None:
        """Ask Traefik: two good answers look alike, two generations do not."""
        try:
            response = await self._client.get(GENERATION_PATH)
        except httpx.TransportError:
            return None
        shown = response.headers.get(GENERATION_HEADER, "")
        return int(shown) if shown.isdecimal() else None

    async def _newest(self) -> int:
        return max(self._written, await self.generation() or 0)

    async def _write(self, table: RouteTable) -> None:
        await to_thread.run_sync(self._directory.write_table, table, self._entry_points)
        self._written = table.generation

    async def _wait_for(self, generation: int) -> None:
        pause = _FIRST_PAUSE
        with move_on_after(self._deadline.total_seconds()):
            while not await self._shows(generation):
                await sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
            return
        raise RouterUnavailableError(
            f"Traefik does not show route table {generation} after "
            f"{self._deadline.total_seconds():g} seconds; it is down or hangs."
        )

    async def _shows(self, generation: int) -> bool:
        shown = await self.generation()
        return shown is not None and shown >= generation
