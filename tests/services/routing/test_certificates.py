"""Custom domains redirect to HTTPS while the router has a certificate for them."""

from datetime import timedelta
from typing import Any

import pytest
from tests.platform_fixtures import Platform

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.routing.custom_domains import CustomDomain, HostRecords, Reachability
from pushpaka_core.ports.router import Route
from pushpaka_core.testing.objects.projects import a_custom_domain

pytestmark = pytest.mark.anyio

HERE = HostRecords(cname="shop.localhost")
REACHED = Reachability(seen=HERE, expected=HERE)
A_MONTH = timedelta(days=30)


@pytest.fixture
async def platform_with_shop(platform: Platform, shop: Project) -> Platform:
    await platform.deploy(shop)
    return platform


async def store_domain(platform: Platform, project: Project, **fields: Any) -> CustomDomain:
    """Store a custom domain with *fields*, which is verified by default."""
    standard = {"verified_at": platform.clock(), "reachability": REACHED}
    domain = a_custom_domain(project, domain="shop.example.com", **{**standard, **fields})
    async with platform.storage.transaction() as uow:
        await uow.custom_domains.add(domain)
    await platform.worker_services.route_publisher.publish()
    return domain


async def stored_domain(platform: Platform) -> CustomDomain:
    async with platform.storage.snapshot() as uow:
        (domain,) = await uow.custom_domains.visible_to(PLATFORM).all()
    return domain


def route_of(platform: Platform) -> Route:
    (route,) = (r for r in platform.router.routes if r.name.startswith("project-"))
    return route


@pytest.mark.parametrize(
    ("fields", "expected_hosts"),
    [
        ({}, ("shop.example.com",)),
        ({"reachability": None}, ()),
        ({"reachability": Reachability(expected=HERE)}, ()),
        ({"reachability": None, "ssl_enabled": True}, ("shop.example.com",)),
        ({"verified_at": None}, ()),
    ],
)
async def test_a_verified_reachable_domain_gets_a_certificate(
    platform_with_shop: Platform,
    shop: Project,
    fields: dict[str, Any],
    expected_hosts: tuple[str, ...],
) -> None:
    await store_domain(platform_with_shop, shop, **fields)

    assert expected_hosts == route_of(platform_with_shop).certificate_hosts


@pytest.mark.parametrize("name", ["shop.example.com", "*.example.com"])
async def test_a_certificate_redirects_visitors_to_https(
    platform_with_shop: Platform, shop: Project, name: str
) -> None:
    await store_domain(platform_with_shop, shop)
    platform_with_shop.router.certificate_expiry[name] = platform_with_shop.clock() + A_MONTH

    await platform_with_shop.worker_services.certificate_sync.sync()
    having = await stored_domain(platform_with_shop), route_of(platform_with_shop).https_hosts
    platform_with_shop.clock.advance(A_MONTH.total_seconds())
    await platform_with_shop.worker_services.certificate_sync.sync()
    await platform_with_shop.worker_services.reconciler.repair_routes()

    assert (True, ("shop.example.com",)) == (having[0].ssl_enabled, having[1])
    assert (False, ()) == (
        (await stored_domain(platform_with_shop)).ssl_enabled,
        route_of(platform_with_shop).https_hosts,
    )


async def test_an_unverified_domain_does_not_use_an_existing_certificate(
    platform_with_shop: Platform, shop: Project
) -> None:
    await store_domain(platform_with_shop, shop, verified_at=None)
    platform_with_shop.router.certificate_expiry["shop.example.com"] = (
        platform_with_shop.clock() + A_MONTH
    )

    await platform_with_shop.worker_services.certificate_sync.sync()

    assert not (await stored_domain(platform_with_shop)).ssl_enabled
    assert ("shop.localhost",) == route_of(platform_with_shop).hosts


async def test_changed_certificates_publish_the_routes_again(platform_with_shop: Platform) -> None:
    tables = [len(platform_with_shop.router.history)]
    for until in (1, 1, 2):
        platform_with_shop.router.certificate_expiry["own.example.com"] = (
            platform_with_shop.clock() + until * A_MONTH
        )
        await platform_with_shop.worker_services.certificate_sync.sync()
        tables.append(len(platform_with_shop.router.history))

    assert [0, 1, 1, 2] == [count - tables[0] for count in tables]


async def test_missing_certificates_are_retried_hourly(
    platform_with_shop: Platform, shop: Project
) -> None:
    await store_domain(platform_with_shop, shop)
    tables = [len(platform_with_shop.router.history)]
    for seconds in (0, 0, 3599, 1):
        platform_with_shop.clock.advance(seconds)
        await platform_with_shop.worker_services.certificate_sync.sync()
        tables.append(len(platform_with_shop.router.history))

    assert [0, 1, 1, 1, 2] == [count - tables[0] for count in tables]
