"""Who answers for which host name."""

from collections.abc import Sequence
from typing import Protocol

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
    title: str = ""
    """What the unavailable page calls the application."""


@frozen(kw_only=True)
class RouteTable:
    """Every route of this instance at one moment."""

    generation: int
    """Grows with each table, from 1, so that it can be told which one is in force."""
    routes: Sequence[Route]


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
