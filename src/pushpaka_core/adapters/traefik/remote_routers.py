"""The router adapter for Traefik on other machines, which fetches its table from the API."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta

from anyio import create_task_group, move_on_after
from attrs import frozen

from pushpaka_core.adapters.traefik.client import http_client
from pushpaka_core.adapters.traefik.generation_probe import GenerationProbe
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import RouteTable, Upstream


@asynccontextmanager
async def open_traefik_routers(
    urls: Sequence[str], *, deadline: timedelta = timedelta(seconds=10)
) -> AsyncIterator["TraefikRouters"]:
    """
    Yield a router for the Traefik servers whose generation endpoints are at *urls*.

    *deadline* limits how long `apply` waits until all servers use a table.
    """
    async with AsyncExitStack() as stack:
        shown = {
            url: GenerationProbe(await stack.enter_async_context(http_client(url))) for url in urls
        }
        yield TraefikRouters(shown, deadline)


@frozen
class TraefikRouters:
    """
    Waits until every Traefik server uses a route table.

    A server that lags behind still sends requests to replaced instances. Tables are not sent to
    Traefik: each server polls the API for the committed table.
    """

    _probes: Mapping[str, GenerationProbe]
    _deadline: timedelta

    async def apply(self, table: RouteTable, /) -> None:
        """
        Return once every Traefik server uses *table* or a newer one.

        Raises:
            RouterUnavailableError: If a server does not use the table before the deadline.
        """
        pending = set(self._probes)

        async def wait_for(url: str) -> None:
            await self._probes[url].wait_for(table.generation)
            pending.remove(url)

        with move_on_after(self._deadline.total_seconds()):
            async with create_task_group() as waiting:
                for url in self._probes:
                    waiting.start_soon(wait_for, url)
        if pending:
            raise RouterUnavailableError(
                f"The router at {', '.join(sorted(pending))} did not apply route table "
                f"{table.generation} within {self._deadline.total_seconds():g} seconds. Check that"
                " it is running and can fetch its table from the API."
            )

    async def generation(self) -> int | None:
        """Return the oldest generation in use, or None if a server does not respond."""
        shown: list[int | None] = []

        async def ask(router: GenerationProbe) -> None:
            shown.append(await router.current())

        async with create_task_group() as asking:
            for router in self._probes.values():
                asking.start_soon(ask, router)
        return min((each or 0 for each in shown), default=0) if None not in shown else None

    async def open_connections(self, upstreams: Collection[Upstream], /) -> int | None:  # noqa: ARG002 - unknown
        """Return None: the connections are on other machines."""
        return None

    async def certificates(self) -> Mapping[str, datetime]:
        """Return no certificates: each Traefik server keeps its own."""
        return {}
