"""The router of an instance without one: somebody else leads requests, or nobody does."""

from collections.abc import Mapping
from datetime import datetime

from attrs import define, field

from pushpaka_core.ports.router import RouteTable


@define
class NoRouter:
    """Takes every table, and keeps no more of it than its number."""

    _generation: int = field(default=0, init=False)

    async def apply(self, table: RouteTable, /) -> None:
        """Let *table* be in force for nobody."""
        self._generation = max(self._generation, table.generation)

    async def generation(self) -> int | None:
        """Return the newest generation that there was."""
        return self._generation

    async def certificates(self) -> Mapping[str, datetime]:
        """Return none: where nobody leads requests, nobody encrypts them."""
        return {}
