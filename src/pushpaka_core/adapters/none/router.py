"""The router adapter for instances that do not route requests themselves."""

from collections.abc import Collection, Mapping
from datetime import datetime

from attrs import define, field

from pushpaka_core.ports.router import RouteTable, Upstream


@define
class NoRouter:
    """Accepts every route table, but stores only its generation."""

    _generation: int = field(default=0, init=False)

    async def apply(self, table: RouteTable, /) -> None:
        """Store the generation of *table*."""
        self._generation = max(self._generation, table.generation)

    async def generation(self) -> int | None:
        """Return the highest generation that was applied."""
        return self._generation

    async def open_connections(self, upstreams: Collection[Upstream], /) -> int | None:  # noqa: ARG002 - see above
        """Return None, because the connections belong to another program."""
        return None

    async def certificates(self) -> Mapping[str, datetime]:
        """Return no certificates."""
        return {}
