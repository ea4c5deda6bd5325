"""Gives routers on other machines the route table that they ask for."""

from attrs import frozen

from pushpaka_core.ports.router import RouteTableText
from pushpaka_core.services.routing import Routing


@frozen
class RouteTableService:
    """Any process of an instance can answer: what a table says is in the database."""

    _routing: Routing
    _text: RouteTableText

    async def newest(self) -> str:
        """Return the newest table as the routers read it."""
        return self._text(await self._routing.newest())
