"""The route table: what the database says, and nothing else."""

import pytest
from attrs import evolve
from tests.services.platform import Platform

from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import RouteTable, Upstream
from pushpaka_core.services.routing import Routing
from pushpaka_core.testing.objects import a_custom_domain

pytestmark = pytest.mark.anyio


def routing(platform: Platform) -> Routing:
    """Return the routing of another process that looks at the same instance."""
    api = Upstream(host="127.0.0.1", port=8008)
    return Routing(platform.storage, platform.router, platform.application.addresses, api)


async def test_the_api_has_its_address(platform: Platform) -> None:
    """The API is routed like an application."""
    await routing(platform).publish()

    assert {"api.localhost": (8008,)} == platform.routes()


async def test_verified_custom_domains_lead_to_production(
    platform: Platform, shop: Project
) -> None:
    """A proven domain stands beside the project's address; a claimed one does not."""
    running = await platform.served(shop)
    proven = a_custom_domain(shop, domain="shop.example", verified_at=platform.clock.now)
    claimed = a_custom_domain(shop, domain="claimed.example")
    async with platform.storage.transaction() as uow:
        await uow.custom_domains.add(proven)
        await uow.custom_domains.add(claimed)

    await routing(platform).publish()

    port = (await platform.instance(running.id)).port
    assert (port,) == platform.routes()["shop.example"]
    assert "claimed.example" not in platform.routes()


async def test_a_deleted_project_has_no_route(platform: Platform, shop: Project) -> None:
    """From the next table on its addresses answer nothing."""
    await platform.served(shop)
    await platform.application.projects.delete(platform.owner, shop.id)

    await routing(platform).publish()

    assert ["api.localhost"] == list(platform.routes())


async def test_a_stopped_target_has_no_route(platform: Platform, shop: Project) -> None:
    """What was stopped by hand is not routed under the project's address."""
    await platform.served(shop)
    async with platform.storage.transaction() as uow:
        target = await uow.targets.find(shop.id, "production")
        assert target is not None
        await uow.targets.put(evolve(target, stopped_at=platform.clock.now))

    await routing(platform).publish()

    assert "shop.localhost" not in platform.routes()


async def test_generations_go_on_from_what_the_router_shows(
    platform: Platform, shop: Project
) -> None:
    """A database that was restored from an old copy is not ignored by its router."""
    await platform.router.apply(RouteTable(generation=1_000, routes=()))

    await platform.served(shop)

    assert 1_001 == await platform.router.generation()
    assert "shop.localhost" in platform.routes()


class TestIsInForce:
    async def test_after_a_publish(self, platform: Platform, shop: Project) -> None:
        """What was just published is in force, until the database says something else."""
        one = routing(platform)
        before = await one.is_in_force()
        await one.publish()
        after = await one.is_in_force()
        await platform.served(shop)

        assert (False, True, False) == (before, after, await one.is_in_force())

    async def test_not_where_the_router_forgot(self, platform: Platform, shop: Project) -> None:
        """A router that was restarted empty is told the table again."""
        await platform.served(shop)
        await platform.engine.reconciliation.mend_routes()
        routes = platform.routes()
        platform.router.forget()

        await platform.engine.reconciliation.mend_routes()

        assert routes == platform.routes()

    async def test_not_during_an_outage(self, platform: Platform) -> None:
        """A router that does not answer is not said to be right."""
        one = routing(platform)
        await one.publish()
        platform.router.fail()

        assert not await one.is_in_force()
        with pytest.raises(RouterUnavailableError):
            await one.publish()

    async def test_a_right_table_is_left_alone(self, platform: Platform, shop: Project) -> None:
        """Mending what is right writes nothing."""
        await platform.served(shop)
        await platform.engine.reconciliation.mend_routes()
        tables = len(platform.router.history)

        await platform.engine.reconciliation.mend_routes()

        assert tables == len(platform.router.history)


async def test_an_instance_that_is_down_leaves_its_route_empty(
    platform: Platform, shop: Project
) -> None:
    """The address stays the project's, so that its visitors hear whose application is down."""
    running = await platform.served(shop)
    platform.runtime.crash((await platform.instance(running.id)).name)

    await platform.engine.tending.tend()

    assert () == platform.routes()["shop.localhost"]
