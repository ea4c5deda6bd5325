"""Who answers for which host name."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NoReturn, Protocol

from attrs import frozen


@frozen(kw_only=True)
class Upstream:
    """One place where requests can be sent to."""

    host: str
    port: int


@frozen(kw_only=True)
class Route:
    """Sends the requests for *hosts* to *upstreams*, in turn."""

    name: str
    """Unique in its table, stable over changes: [a-z0-9-]."""
    hosts: tuple[str, ...]
    """Lower-case host names without port."""
    upstreams: tuple[Upstream, ...]
    """None at all: the application is down, and the router answers 503 and says whose it is."""
    wants_certificates: tuple[str, ...] = ()
    """Those of the hosts that certificates are obtained for, where there is an authority."""
    has_certificates: tuple[str, ...] = ()
    """Those of the hosts whose visitors are sent to HTTPS."""
    title: str = ""
    """What the unavailable page calls the application."""
    is_stopped: bool = False
    """Whether it is down because somebody stopped it: the page says so."""


@frozen(kw_only=True)
class RouteTable:
    """Every route of this instance at one moment."""

    generation: int
    """Grows with each table, from 1, so that it can be told which one is in force."""
    routes: Sequence[Route]


RouteTableText = Callable[[RouteTable], str]
"""Writes a table as routers read it that fetch theirs."""


class Router(Protocol):
    """
    Takes the whole table at once; the one in force before keeps its open connections.

    Applying the same table again is harmless.
    """

    async def apply(self, table: RouteTable, /) -> None:
        """
        Put *table* in force, and return once the router has been seen to use it.

        A table older than the one in force, or than one that was given before,
        is ignored.

        Raises:
            RouterUnavailableError: If the router does not show the table's generation in time.
        """

    async def generation(self) -> int | None:
        """Return the generation in force, 0 before the first; None when nothing answers."""
        ...

    async def certificates(self) -> Mapping[str, datetime]:
        """
        Return for which host names it has certificates, wildcards among them, and until when.

        There are none where it does not serve HTTPS, or keeps them where nobody sees them.

        Raises:
            RouterUnavailableError: If they cannot be read.
        """
        ...


class RouterSupervisor(Protocol):
    """Keeps a router of our own running; it outlives the platform, so that no request is lost."""

    async def start(self) -> None:
        """
        Have the router running as configured. Harmless when it does already.

        Raises:
            SettingsError: If it cannot listen where it shall.
            RouterUnavailableError: If it ends at once or never answers.
        """

    async def watch(self) -> NoReturn:
        """Start the router again whenever it dies, until this call is cancelled."""
        ...

    async def stop(self) -> None:
        """End the router, giving its open requests a moment. Harmless when none runs."""
