"""The route table, for routers on other machines."""

from typing import Any

from litestar import Controller, Request, get
from litestar.enums import MediaType

from pushpaka_core.services.route_tables import RouteTableService
from pushpaka_http.authentication import ANONYMOUS, require_token
from pushpaka_http.dependencies import Given


class RouteTableController(Controller):
    """What routers fetch; it is there where such routers are, and in no description."""

    path = "/internal"
    opt = ANONYMOUS
    include_in_schema = False

    @get("/routes", media_type=MediaType.JSON)
    async def newest(
        self,
        request: Request[Any, Any, Any],
        route_tables: Given[RouteTableService],
        router_token: Given[str],
    ) -> bytes:
        """Show the newest table to who has the token of the routers."""
        require_token(request.headers, router_token)
        return (await route_tables.newest()).encode()
