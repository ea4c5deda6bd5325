"""The route table: what the database says, and nothing else."""

import pytest
from attrs import evolve
from tests.services.platform import OPTIONS, Platform

from pushpaka_core.application import assemble
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import Route, RouteTable, Upstream
from pushpaka_core.services.routing import Routing
from pushpaka_core.testing.objects import a_custom_domain

pytestmark = pytest.mark.anyio


def routing(platform: Platform) -> Routing:
    """Return the routing of another process that looks at the same instance."""
    apis = Upstream(host="127.0.0.1", port=8008), Upstream(host="127.0.0.1", port=8009)
    return Routing(platform.storage, platform.router, platform.application.addresses, apis)


def routes_of_shop(platform: Platform) -> list[Route]:
    """Return what is in force for the project, beside the API."""
    return [route for route in platform.router.routes if route.name != "api"]


async def stopped(platform: Platform, project: Project, target: str) -> Deployment:
    """Serve a target, and stop it."""
    await platform.queued(project, target=target)
    running = await platform.work()
    await platform.application.serving.stop(platform.owner, running.id)
    await platform.engine.reconciliation.stop_drained()
    return running


async def test_the_api_has_its_address(platform: Platform) -> None:
    """The API is routed like an application, with each process that serves it."""
    await routing(platform).publish()

    assert {"api.localhost": (8008, 8009)} == platform.routes()


async def test_where_all_names_have_a_certificate_visitors_are_sent_to_https(
    platform: Platform, shop: Project
) -> None:
    """The platform's own names are, of whatever runs or was stopped, and no others."""
    await platform.served(shop)
    await stopped(platform, shop, "preview:main")
    async with platform.storage.transaction() as uow:
        domain = a_custom_domain(shop, domain="shop.example", verified_at=platform.clock.now)
        await uow.custom_domains.add(domain)
    certified = evolve(platform.application.addresses, is_certified=True)
    apis = (Upstream(host="127.0.0.1", port=8008),)

    await Routing(platform.storage, platform.router, certified, apis).publish()

    redirected = {host for route in platform.router.routes for host in route.has_certificates}
    assert 4 == len(redirected)
    assert {*platform.routes()} - {"shop.example"} == redirected


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


async def test_an_application_is_reached_where_its_node_is(
    platform: Platform, shop: Project
) -> None:
    """It listens on the node's address, and is asked for its health and routed there."""
    options = evolve(OPTIONS, node_address="10.0.0.7")
    pipeline = assemble(platform.adapters, options).engine.pipeline
    await platform.queued(shop)
    lease = await platform.claimed()

    assert await pipeline.prepare(lease)
    await pipeline.finish(lease)

    (probe, *_) = platform.prober.probes
    (upstream,) = routes_of_shop(platform)[0].upstreams
    assert ["10.0.0.7"] * 3 == [
        (await platform.instance(lease.deployment_id)).host,
        probe.host,
        upstream.host,
    ]


async def test_a_deleted_project_has_no_route(platform: Platform, shop: Project) -> None:
    """From the next table on its addresses answer nothing."""
    await platform.served(shop)
    await platform.application.projects.delete(platform.owner, shop.id)

    await routing(platform).publish()

    assert ["api.localhost"] == list(platform.routes())


class TestWhatWasStopped:
    async def test_leads_to_the_page_that_says_so(self, platform: Platform, shop: Project) -> None:
        """From the next table on, while it still ends what it has begun, and afterwards."""
        running = await platform.served(shop)
        await platform.application.serving.stop(platform.owner, running.id)
        own = f"shop--{running.id.hex[:8]}.localhost"

        await routing(platform).publish()
        while_it_ends = routes_of_shop(platform)
        await platform.engine.reconciliation.stop_drained()

        expected = [("project-shop", "shop.localhost"), (f"deployment-{running.id.hex}", own)]
        assert expected == [(route.name, *route.hosts) for route in while_it_ends]
        assert {((), True, "shop")} == {(r.upstreams, r.is_stopped, r.title) for r in while_it_ends}
        assert while_it_ends == routes_of_shop(platform)

    async def test_keeps_its_custom_domains(self, platform: Platform, shop: Project) -> None:
        """Whoever comes by a domain of its own hears the same."""
        await stopped(platform, shop, "production")
        async with platform.storage.transaction() as uow:
            domain = a_custom_domain(shop, domain="shop.example", verified_at=platform.clock.now)
            await uow.custom_domains.add(domain)

        await routing(platform).publish()

        assert () == platform.routes()["shop.example"]

    async def test_of_a_preview_is_its_own_address_alone(
        self, platform: Platform, shop: Project
    ) -> None:
        """A preview has no other, and production is none of its business."""
        running = await platform.served(shop)
        port = (await platform.instance(running.id)).port

        preview = await stopped(platform, shop, "preview:main")

        (own,) = (route for route in routes_of_shop(platform) if route.is_stopped)
        assert (f"shop--{preview.id.hex[:8]}.localhost",) == own.hosts
        assert (port,) == platform.routes()["shop.localhost"]

    async def test_is_said_until_something_else_serves(
        self, platform: Platform, shop: Project
    ) -> None:
        """A deployment that fails changes nothing; one that serves takes the address back."""
        await stopped(platform, shop, "production")
        platform.runtime.early_exit = "exited with code 1"
        await platform.served(shop)
        await routing(platform).publish()
        after_a_failure = platform.routes()["shop.localhost"]
        platform.runtime.early_exit = None

        running = await platform.served(shop)

        port = (await platform.instance(running.id)).port
        assert () == after_a_failure
        assert {"shop.localhost", f"shop--{running.id.hex[:8]}.localhost"} == set(platform.routes())
        assert {(port,)} == set(platform.routes().values())
        assert not any(route.is_stopped for route in platform.router.routes)

    async def test_is_gone_with_its_project(self, platform: Platform, shop: Project) -> None:
        """Its address is nobody's then."""
        await stopped(platform, shop, "production")
        await platform.application.projects.delete(platform.owner, shop.id)

        await routing(platform).publish()

        assert ["api.localhost"] == list(platform.routes())


async def test_a_project_that_never_served_has_no_route(platform: Platform, shop: Project) -> None:
    """Nothing was ever at its address, so nothing is said to be down there."""
    platform.runtime.early_exit = "exited with code 1"
    await platform.served(shop)

    await routing(platform).publish()

    assert ["api.localhost"] == list(platform.routes())


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
