"""Routers on other machines: Traefiks that fetch their table from the API."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta

from anyio import create_task_group, move_on_after
from attrs import frozen

from pushpaka_core.adapters.traefik.client import plain_client
from pushpaka_core.adapters.traefik.shown import ShownGeneration
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import RouteTable


@asynccontextmanager
async def open_traefik_routers(
    urls: Sequence[str], *, deadline: timedelta = timedelta(seconds=10)
) -> AsyncIterator["TraefikRouters"]:
    """Connect to the Traefiks that show at *urls* which table they use."""
    async with AsyncExitStack() as stack:
        shown = {
            url: ShownGeneration(await stack.enter_async_context(plain_client(url))) for url in urls
        }
        yield TraefikRouters(shown, deadline)


@frozen
class TraefikRouters:
    """
    Waits for every Traefik, as one that lags behind still sends requests to what is replaced.

    It hands no table to anybody: what a table is made of is committed before, and each
    Traefik keeps asking for the newest.
    """

    _shown: Mapping[str, ShownGeneration]
    _deadline: timedelta

    async def apply(self, table: RouteTable, /) -> None:
        """Return once all of them show *table*, or a newer one."""
        late = set(self._shown)

        async def wait_for(url: str) -> None:
            await self._shown[url].reach(table.generation)
            late.remove(url)

        with move_on_after(self._deadline.total_seconds()):
            async with create_task_group() as waiting:
                for url in self._shown:
                    waiting.start_soon(wait_for, url)
        if late:
            raise RouterUnavailableError(
                f"Route table {table.generation} is not shown after "
                f"{self._deadline.total_seconds():g} seconds by the router at "
                f"{', '.join(sorted(late))}; it is down, or cannot fetch its table from the API."
            )

    async def generation(self) -> int | None:
        """Return the oldest generation that one of them shows; None when one does not answer."""
        shown: list[int | None] = []

        async def ask(router: ShownGeneration) -> None:
            shown.append(await router.now())

        async with create_task_group() as asking:
            for router in self._shown.values():
                asking.start_soon(ask, router)
        return min((each or 0 for each in shown), default=0) if None not in shown else None

    async def certificates(self) -> Mapping[str, datetime]:
        """Return none: each Traefik keeps its own, where only it sees them."""
        return {}
