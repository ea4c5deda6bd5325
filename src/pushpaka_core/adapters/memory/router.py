"""A router that records route tables, for tests and for embedding without a proxy."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from attrs import define, field

from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import Route, RouteTable, Upstream

_EMPTY = RouteTable(generation=0, routes=())


@define
class MemoryRouter:
    """Keeps every route table. `fail`, `recover` and `forget` simulate outages."""

    certificate_expiry: dict[str, datetime] = field(factory=dict)
    """Expiry times of certificates, by host name."""
    connections: dict[int, int] = field(factory=dict)
    """The number of open connections, by the port of the upstream."""
    _tables: list[RouteTable] = field(factory=list, init=False)
    _is_down: bool = field(default=False, init=False)

    async def apply(self, table: RouteTable, /) -> None:
        """Apply *table* unless a newer one is active."""
        if self._is_down:
            raise RouterUnavailableError("The router is down. Its routes stay unchanged.")
        if table.generation >= self._active_table.generation and table != self._active_table:
            self._tables.append(table)

    async def generation(self) -> int | None:
        """Return the active generation, or None during an outage."""
        return None if self._is_down else self._active_table.generation

    async def open_connections(self, upstreams: Collection[Upstream], /) -> int | None:
        """Return the sum of `connections` for *upstreams*."""
        return sum(self.connections.get(upstream.port, 0) for upstream in upstreams)

    async def certificates(self) -> Mapping[str, datetime]:
        """Return a copy of `certificate_expiry`."""
        return dict(self.certificate_expiry)

    @property
    def routes(self) -> Sequence[Route]:
        """Return the active routes."""
        return self._active_table.routes

    @property
    def history(self) -> Sequence[RouteTable]:
        """Return every route table that was active, oldest first."""
        return tuple(self._tables)

    def fail(self) -> None:
        """Begin an outage: the active table stays, but nothing can be applied or read."""
        self._is_down = True

    def recover(self) -> None:
        """End the outage."""
        self._is_down = False

    def forget(self) -> None:
        """Lose all tables, like a router that restarts without its files."""
        self._tables.clear()

    @property
    def _active_table(self) -> RouteTable:
        return self._tables[-1] if self._tables else _EMPTY
