"""Routes requests to instances by host name."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import NoReturn, Protocol

from attrs import field, frozen

ROUTER_AUTH_HEADER = "X-Pushpaka-Router"
"""
The request header that carries `Route.router_secret`. Routers overwrite it if a
client sends it.
"""


@frozen(kw_only=True)
class Upstream:
    """The address of an instance that receives requests."""

    host: str
    port: int


@frozen(kw_only=True)
class Route:
    """Distributes the requests for *hosts* among *upstreams* in turn."""

    name: str
    """
    The route's name, made up of [a-z0-9-]. Unique within a table, and stable from one table to the
    next.
    """
    hosts: tuple[str, ...]
    """Host names, in lowercase and without a port."""
    upstreams: tuple[Upstream, ...]
    """
    The instances that receive the requests.

    If empty, the router holds the requests until `held_until`, or answers 503 with an error page.
    """
    held_until: datetime | None = None
    """
    The time until which requests wait for an instance, each for at most 30 s. None if they do not
    wait.

    A table with upstreams for this route releases them. After this time, and in routers that cannot
    hold requests, visitors get status 503 with Retry-After. The router does this on its own, even
    if the platform is killed.
    """
    certificate_hosts: tuple[str, ...] = ()
    """The hosts for which certificates are obtained if a certificate authority is configured."""
    https_hosts: tuple[str, ...] = ()
    """The hosts whose visitors are redirected to HTTPS."""
    app_name: str = ""
    """The name of the application on the error page."""
    is_stopped: bool = False
    """Whether the application was stopped on purpose, which the error page then states."""
    router_secret: str = field(default="", repr=False)
    """A secret sent to the upstreams as ROUTER_AUTH_HEADER, so that they trust X-Forwarded-For."""


@frozen(kw_only=True)
class RouteTable:
    """All routes of this instance at one point in time."""

    generation: int
    """A number that increases with each table, starting at 1. It identifies the active table."""
    routes: Sequence[Route]


SerializeRouteTable = Callable[[RouteTable], str]
"""A function that serializes a route table for routers that fetch their configuration."""


class Router(Protocol):
    """
    Applies complete route tables.

    Connections that are open when a table is replaced stay open.
    """

    async def apply(self, table: RouteTable, /) -> None:
        """
        Activate *table*, and return after the router has confirmed that it uses the table.
        Idempotent.

        A table is ignored if a newer table is active or has already been passed to this method.

        Raises:
            RouterUnavailableError: If the router does not confirm the table's generation in time.
        """

    async def generation(self) -> int | None:
        """
        Return the active table's generation, 0 if there is none, or None if the router does not
        respond.
        """
        ...

    async def open_connections(self, upstreams: Collection[Upstream], /) -> int | None:
        """
        Return the number of connections from the router to *upstreams*, or None if it is unknown.

        A connection without a request is closed by the router within a second, so 0 means that all
        requests were answered.

        Raises:
            RouterUnavailableError: If the connections cannot be counted.
        """
        ...

    async def certificates(self) -> Mapping[str, datetime]:
        """
        Return the expiry time of each certificate, by host name (including wildcards).

        The result is empty if the router does not serve HTTPS or its certificates cannot be listed.

        Raises:
            RouterUnavailableError: If the certificates cannot be read.
        """
        ...


class RouterSupervisor(Protocol):
    """
    Keeps the bundled router running.

    The router keeps running when the platform stops, so that no request is lost.
    """

    async def start(self) -> None:
        """
        Start the router, unless it is already running with the current configuration.

        Raises:
            SettingsError: If the router cannot listen on the configured addresses.
            RouterUnavailableError: If the router exits immediately or does not respond.
        """

    async def watch(self) -> NoReturn:
        """Restart the router whenever it exits, until this call is canceled."""
        ...

    async def stop(self) -> None:
        """
        Stop the router after a short grace period for open requests.

        Do nothing if the router is not running.
        """
