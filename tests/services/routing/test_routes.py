"""The route table always corresponds to the state of the database."""

import pytest
from attrs import evolve
from tests.platform_fixtures import OPTIONS, Platform

from pushpaka_core.container.application import assemble
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import Route, RouteTable, Upstream
from pushpaka_core.services.concurrency import run_all
from pushpaka_core.services.routing.routes import RoutePublisher
from pushpaka_core.testing.objects.projects import a_custom_domain

pytestmark = pytest.mark.anyio


def another_publisher(platform: Platform) -> RoutePublisher:
    """Return the route publisher of another process on the same database."""
    apis = Upstream(host="127.0.0.1", port=8008), Upstream(host="127.0.0.1", port=8009)
    return RoutePublisher(platform.storage, platform.router, platform.application.addresses, apis)


def routes_of_shop(platform: Platform) -> list[Route]:
    """Return all current routes except the one of the API."""
    return [route for route in platform.router.routes if route.name != "api"]


async def deploy_and_stop(platform: Platform, project: Project, target: str) -> Deployment:
    """Deploy to *target*, stop the target, and return the deployment."""
    await platform.enqueue(project, target=target)
    running = await platform.work()
    await platform.application.active_deployments.stop(platform.owner, running.id)
    await platform.worker_services.reconciler.stop_drained()
    return running


async def test_the_api_has_a_route(platform: Platform) -> None:
    await another_publisher(platform).publish()

    assert {"api.localhost": (8008, 8009)} == platform.routes()


async def test_hosts_with_certificates_redirect_to_https(platform: Platform, shop: Project) -> None:
    await platform.deploy(shop)
    await deploy_and_stop(platform, shop, "preview:main")
    async with platform.storage.transaction() as uow:
        domain = a_custom_domain(shop, domain="shop.example", verified_at=platform.clock.now)
        await uow.custom_domains.add(domain)
    certified = evolve(platform.application.addresses, has_wildcard_certificate=True)
    apis = (Upstream(host="127.0.0.1", port=8008),)

    await RoutePublisher(platform.storage, platform.router, certified, apis).publish()

    redirected = {host for route in platform.router.routes for host in route.https_hosts}
    assert 4 == len(redirected)
    assert {*platform.routes()} - {"shop.example"} == redirected


async def test_verified_custom_domains_lead_to_production(
    platform: Platform, shop: Project
) -> None:
    running = await platform.deploy(shop)
    proven = a_custom_domain(shop, domain="shop.example", verified_at=platform.clock.now)
    claimed = a_custom_domain(shop, domain="claimed.example")
    async with platform.storage.transaction() as uow:
        await uow.custom_domains.add(proven)
        await uow.custom_domains.add(claimed)

    await another_publisher(platform).publish()

    port = (await platform.instance(running.id)).port
    assert (port,) == platform.routes()["shop.example"]
    assert "claimed.example" not in platform.routes()


async def test_upstreams_use_the_host_of_the_node(platform: Platform, shop: Project) -> None:
    options = evolve(OPTIONS, node_address="10.0.0.7")
    pipeline = assemble(platform.adapters, options).worker_services.pipeline
    lease = await platform.begin(shop)

    assert await pipeline.prepare(lease)
    await pipeline.finish(lease)

    (probe, *_) = platform.prober.probes
    (upstream,) = routes_of_shop(platform)[0].upstreams
    assert ["10.0.0.7"] * 3 == [
        (await platform.instance(lease.deployment_id)).host,
        probe.host,
        upstream.host,
    ]


class TestStoppedDeployments:
    async def test_stopped_deployment_is_routed_to_the_stopped_page(
        self, platform: Platform, running: Deployment
    ) -> None:
        await platform.application.active_deployments.stop(platform.owner, running.id)
        own = f"shop--{running.id.hex[:8]}.localhost"

        await another_publisher(platform).publish()
        while_it_ends = routes_of_shop(platform)
        await platform.worker_services.reconciler.stop_drained()

        expected = [("project-shop", "shop.localhost"), (f"deployment-{running.id.hex}", own)]
        assert expected == [(route.name, *route.hosts) for route in while_it_ends]
        assert {((), True, "shop")} == {
            (r.upstreams, r.is_stopped, r.app_name) for r in while_it_ends
        }
        assert while_it_ends == routes_of_shop(platform)

    async def test_keeps_its_custom_domains(self, platform: Platform, shop: Project) -> None:
        await deploy_and_stop(platform, shop, "production")
        async with platform.storage.transaction() as uow:
            domain = a_custom_domain(shop, domain="shop.example", verified_at=platform.clock.now)
            await uow.custom_domains.add(domain)

        await another_publisher(platform).publish()

        assert () == platform.routes()["shop.example"]

    async def test_stopped_page_is_shown_until_another_deployment_is_active(
        self, platform: Platform, shop: Project
    ) -> None:
        await deploy_and_stop(platform, shop, "production")
        platform.runtime.early_exit = "exited with code 1"
        await platform.deploy(shop)
        await another_publisher(platform).publish()
        after_a_failure = platform.routes()["shop.localhost"]
        platform.runtime.early_exit = None

        running = await platform.deploy(shop)

        port = (await platform.instance(running.id)).port
        assert () == after_a_failure
        assert {"shop.localhost", f"shop--{running.id.hex[:8]}.localhost"} == set(platform.routes())
        assert {(port,)} == set(platform.routes().values())
        assert not any(route.is_stopped for route in platform.router.routes)


async def test_a_replaced_deployment_has_no_address_after_it_is_drained(
    platform: Platform, shop: Project
) -> None:
    first, second = await platform.deploy(shop), await platform.deploy(shop)
    while_draining = set(platform.routes())
    later = OPTIONS.timeouts.drain_time + second.rollback_window
    platform.clock.advance(later.total_seconds())

    await platform.worker_services.reconciler.stop_drained()

    old, new = (f"shop--{each.id.hex[:8]}.localhost" for each in (first, second))
    assert {"shop.localhost", old, new} == while_draining
    assert {"shop.localhost", new} == set(platform.routes())


async def test_a_project_without_deployment_has_no_route(platform: Platform, shop: Project) -> None:
    platform.runtime.early_exit = "exited with code 1"
    await platform.deploy(shop)

    await another_publisher(platform).publish()

    assert ["api.localhost"] == list(platform.routes())


async def test_generations_continue_from_that_of_the_router(
    platform: Platform, shop: Project
) -> None:
    await platform.router.apply(RouteTable(generation=1_000, routes=()))

    await platform.deploy(shop)

    assert 1_001 == await platform.router.generation()
    assert "shop.localhost" in platform.routes()


class TestIsCurrent:
    async def test_table_is_current_after_a_publish(
        self, platform: Platform, shop: Project
    ) -> None:
        one = another_publisher(platform)
        before = await one.is_current()
        await one.publish()
        after = await one.is_current()
        await platform.deploy(shop)

        assert (False, True, False) == (before, after, await one.is_current())

    async def test_table_is_not_current_after_the_router_lost_it(
        self, platform: Platform, shop: Project
    ) -> None:
        await platform.deploy(shop)
        await platform.worker_services.reconciler.repair_routes()
        routes = platform.routes()
        platform.router.forget()

        await platform.worker_services.reconciler.repair_routes()

        assert routes == platform.routes()

    async def test_table_is_not_current_during_an_outage(self, platform: Platform) -> None:
        one = another_publisher(platform)
        await one.publish()
        platform.router.fail()

        assert not await one.is_current()
        with pytest.raises(RouterUnavailableError):
            await one.publish()

    async def test_correct_table_is_not_published_again(
        self, platform: Platform, shop: Project
    ) -> None:
        await platform.deploy(shop)
        await platform.worker_services.reconciler.repair_routes()
        tables = len(platform.router.history)

        await platform.worker_services.reconciler.repair_routes()

        assert tables == len(platform.router.history)


async def test_concurrent_calls_share_a_table(platform: Platform) -> None:
    publishing = another_publisher(platform)
    before = len(platform.router.history)

    await run_all([publishing.publish] * 10)

    assert len(platform.router.history) - before in {1, 2}
