"""
Contract tests for the `Router` port.

Derive a test class from `RouterContract` in a module with these fixtures:

- `router`: a router without a table;
- `unreachable_router`: a router whose proxy does not respond.
"""

from datetime import UTC, datetime

from anyio import create_task_group

from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import Route, Router, RouteTable, Upstream


class RouterContract:
    """Tests that every adapter of the `Router` port must pass."""

    async def test_a_new_router_has_no_table_and_no_certificates(self, router: Router) -> None:
        """The generation is 0, which is lower than that of every table."""
        assert 0 == await router.generation()
        assert {} == await router.certificates()

    async def test_the_newest_table_is_in_force(self, router: Router) -> None:
        """
        `apply` returns when the table is active. Applying an older table has no effect, and no
        error.
        """
        upstreams = (Upstream(host="127.0.0.1", port=9), Upstream(host="::1", port=9))
        hosts = ("shop.localhost", "shop.example")
        down = Route(name="shop", hosts=hosts[:1], upstreams=(), app_name="Shop")
        replicas = Route(name="shop", hosts=hosts, upstreams=upstreams)
        until = datetime(2026, 1, 1, tzinfo=UTC)
        held = Route(name="shop", hosts=hosts, upstreams=(), held_until=until)
        generations = []

        for table in (
            _table(1, "shop", "blog"),
            _table(1, "shop", "blog"),
            _table(2, "shop"),
            _table(3),
            RouteTable(generation=4, routes=(down,)),
            RouteTable(generation=6, routes=(replicas,)),
            RouteTable(generation=7, routes=(held,)),
            _table(5, "blog"),
            _table(1_000_000_000_000, "shop"),
        ):
            await router.apply(table)
            generations.append(await router.generation())

        assert [1, 1, 2, 3, 4, 6, 7, 7, 1_000_000_000_000] == generations

    async def test_instances_without_requests_have_no_connections(self, router: Router) -> None:
        """The number of connections is 0, or None if the router cannot determine it."""
        upstreams = (Upstream(host="127.0.0.1", port=9), Upstream(host="::1", port=9))

        assert await router.open_connections(upstreams) in {0, None}
        assert await router.open_connections(()) in {0, None}

    async def test_concurrent_calls_apply_the_newest_table(self, router: Router) -> None:
        """The newest table is active, regardless of which call ends last."""
        async with create_task_group() as callers:
            for generation in (2, 5, 1, 4, 3):
                callers.start_soon(router.apply, _table(generation, "shop"))

        assert 5 == await router.generation()

    async def test_an_unreachable_router_has_no_generation(
        self, unreachable_router: Router
    ) -> None:
        """The generation is None, unlike that of a router without a table."""
        assert await unreachable_router.generation() is None

    async def test_applying_a_table_to_an_unreachable_router_fails(
        self, unreachable_router: Router
    ) -> None:
        """`apply` raises RouterUnavailableError if it cannot confirm that the table is active."""
        try:
            await unreachable_router.apply(_table(1, "shop"))
        except RouterUnavailableError:
            return

        raise AssertionError("`apply` returned before the router responded")


def _table(generation: int, *names: str) -> RouteTable:
    return RouteTable(generation=generation, routes=tuple(_route(name) for name in names))


def _route(name: str) -> Route:
    upstream = Upstream(host="127.0.0.1", port=9)
    return Route(name=name, hosts=(f"{name}.localhost",), upstreams=(upstream,), app_name=name)
