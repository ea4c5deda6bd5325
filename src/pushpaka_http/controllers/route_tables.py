"""Routes for routers on other nodes, which fetch the route table."""

from typing import Any

from litestar import Controller, Request, get
from litestar.enums import MediaType

from pushpaka_core.services.routing.routes import RouteTableService
from pushpaka_http.authentication import ANONYMOUS, require_token
from pushpaka_http.dependencies import Injected


class RouteTableController(Controller):
    """The route table. It requires a router token, and is not part of the OpenAPI document."""

    path = "/internal"
    opt = ANONYMOUS
    include_in_schema = False

    @get("/routes", media_type=MediaType.JSON)
    async def get_route_table(
        self,
        request: Request[Any, Any, Any],
        route_tables: Injected[RouteTableService],
        router_token: Injected[str],
    ) -> bytes:
        """Return the newest route table. Raise NotAuthenticatedError without the router token."""
        require_token(request.headers, router_token)
        return (await route_tables.current()).encode()
