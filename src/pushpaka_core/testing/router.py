"""
What every router must do, as tests.

Derive a test class from `RouterContract` in a module whose fixtures are

- `router`: a router that was given no table yet;
- `unreachable_router`: one whose proxy does not answer.
"""

from anyio import create_task_group

from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import Route, Router, RouteTable, Upstream


class RouterContract:
    """The promises of the port `Router`; each holds for every adapter."""

    async def test_a_new_router_shows_generation_zero(self, router: Router) -> None:
        """Before the first table the generation is 0, which no table has."""
        assert 0 == await router.generation()

    async def test_without_https_there_are_no_certificates(self, router: Router) -> None:
        """Nobody is sent to where nothing answers."""
        assert {} == await router.certificates()

    async def test_an_applied_table_is_in_force(self, router: Router) -> None:
        """When apply has returned, the router shows the table's generation."""
        await router.apply(_table(1, "shop", "blog"))

        assert 1 == await router.generation()

    async def test_a_newer_table_takes_over(self, router: Router) -> None:
        """Of two tables the newer one is in force."""
        await router.apply(_table(1, "shop"))

        await router.apply(_table(2, "shop", "blog"))

        assert 2 == await router.generation()

    async def test_generations_may_leave_gaps(self, router: Router) -> None:
        """A generation is only greater than the one before, not the next number."""
        await router.apply(_table(3, "shop"))

        await router.apply(_table(1_000_000_000_000, "shop"))

        assert 1_000_000_000_000 == await router.generation()

    async def test_the_same_table_again_is_harmless(self, router: Router) -> None:
        """A table may be applied twice."""
        await router.apply(_table(1, "shop"))

        await router.apply(_table(1, "shop"))

        assert 1 == await router.generation()

    async def test_an_older_table_is_ignored(self, router: Router) -> None:
        """A table that comes late raises nothing and changes nothing."""
        await router.apply(_table(5, "shop"))

        await router.apply(_table(4, "blog"))

        assert 5 == await router.generation()

    async def test_tables_at_the_same_time_leave_the_newest(self, router: Router) -> None:
        """Whatever the order in which tables arrive together, the newest stays in force."""
        async with create_task_group() as callers:
            for generation in (2, 5, 1, 4, 3):
                callers.start_soon(router.apply, _table(generation, "shop"))

        assert 5 == await router.generation()

    async def test_a_table_may_be_empty(self, router: Router) -> None:
        """Without any application there is a table as well."""
        await router.apply(_table(1, "shop"))

        await router.apply(_table(2))

        assert 2 == await router.generation()

    async def test_a_route_may_have_no_upstream(self, router: Router) -> None:
        """An application that is down keeps its route."""
        down = Route(name="shop", hosts=("shop.localhost",), upstreams=(), title="Shop")

        await router.apply(RouteTable(generation=1, routes=(down,)))

        assert 1 == await router.generation()

    async def test_a_route_may_have_several_hosts_and_upstreams(self, router: Router) -> None:
        """An application has more than one address, and more than one instance."""
        upstreams = (Upstream(host="127.0.0.1", port=9), Upstream(host="::1", port=9))
        route = Route(name="shop", hosts=("shop.localhost", "shop.example"), upstreams=upstreams)

        await router.apply(RouteTable(generation=1, routes=(route,)))

        assert 1 == await router.generation()

    async def test_an_unreachable_router_has_no_generation(
        self, unreachable_router: Router
    ) -> None:
        """A router that does not answer is told apart from one without a table."""
        assert await unreachable_router.generation() is None

    async def test_an_unreachable_router_refuses_a_table(self, unreachable_router: Router) -> None:
        """A table that is not seen in force raises RouterUnavailableError."""
        try:
            await unreachable_router.apply(_table(1, "shop"))
        except RouterUnavailableError:
            return

        raise AssertionError("apply returned although the router does not answer")


def _table(generation: int, *names: str) -> RouteTable:
    return RouteTable(generation=generation, routes=tuple(_route(name) for name in names))


def _route(name: str) -> Route:
    upstream = Upstream(host="127.0.0.1", port=9)
    return Route(name=name, hosts=(f"{name}.localhost",), upstreams=(upstream,), title=name)
