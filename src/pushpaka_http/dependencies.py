"""What handlers are given beside the request."""

from typing import TypeAlias, TypeVar

from litestar import Litestar
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation
from litestar.routes import HTTPRoute

T = TypeVar("T")

Given: TypeAlias = NamedDependency[SkipValidation[T]]
"""Something that the application was made with; it is handed on as it is."""


def given(value: object) -> Provide:
    """Return what provides *value* to every handler that names it."""
    return Provide(lambda: value, sync_to_thread=False)


def hand_over_in_turn(app: Litestar) -> None:
    """
    Have handlers given what they depend on by one task, one after the other.

    Litestar starts a task for each, though nothing here is waited for: that took half of
    the time of a request, without its database.
    """
    routes = (route for route in app.routes if isinstance(route, HTTPRoute))
    for _, wanted in (pair for route in routes for pair in route.route_handler_map.values()):
        wanted.dependency_batches = [{one} for batch in wanted.dependency_batches for one in batch]
