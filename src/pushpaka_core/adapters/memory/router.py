"""A router that only remembers: for tests, and for embedding without a proxy."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import define, field

from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import Route, RouteTable

_EMPTY = RouteTable(generation=0, routes=())


@define
class MemoryRouter:
    """Keeps every table it was given; `fail`, `recover` and `forget` play outages."""

    obtained: dict[str, datetime] = field(factory=dict)
    """The host names of its certificates, and until when they are good."""
    _tables: list[RouteTable] = field(factory=list, init=False)
    _is_down: bool = field(default=False, init=False)

    async def apply(self, table: RouteTable, /) -> None:
        """Put *table* in force unless a newer one is."""
        if self._is_down:
            raise RouterUnavailableError("The router is down; the routes stay as they are.")
        if table.generation >= self._in_force.generation and table != self._in_force:
            self._tables.append(table)

    async def generation(self) -> int | None:
        """Return the generation in force, or None during an outage."""
        return None if self._is_down else self._in_force.generation

    async def certificates(self) -> Mapping[str, datetime]:
        """Return what was obtained."""
        return dict(self.obtained)

    @property
    def routes(self) -> Sequence[Route]:
        """The routes in force."""
        return self._in_force.routes

    @property
    def history(self) -> Sequence[RouteTable]:
        """Each table that was put in force, the oldest first."""
        return tuple(self._tables)

    def fail(self) -> None:
        """Begin an outage: what is in force stays, and nothing can be applied or asked."""
        self._is_down = True

    def recover(self) -> None:
        """End the outage."""
        self._is_down = False

    def forget(self) -> None:
        """Lose every table, as a router does that is started again without its files."""
        self._tables.clear()

    @property
    def _in_force(self) -> RouteTable:
        return self._tables[-1] if self._tables else _EMPTY
