"""Visitors of a custom domain are sent to HTTPS while there is a certificate for it."""

from datetime import timedelta
from typing import Any

import pytest
from tests.services.platform import Platform

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.custom_domains import CustomDomain, HostRecords, Reachability
from pushpaka_core.domain.projects import Project
from pushpaka_core.ports.router import Route
from pushpaka_core.testing.objects import a_custom_domain

pytestmark = pytest.mark.anyio

HERE = HostRecords(cname="shop.localhost")
REACHED = Reachability(seen=HERE, expected=HERE)
A_MONTH = timedelta(days=30)


@pytest.fixture
async def served(platform: Platform, shop: Project) -> Platform:
    await platform.served(shop)
    return platform


async def keep(platform: Platform, project: Project, **fields: Any) -> CustomDomain:
    """Keep a domain that is proven unless the fields say something else."""
    standard = {"verified_at": platform.clock(), "reachability": REACHED}
    domain = a_custom_domain(project, domain="shop.example.com", **{**standard, **fields})
    async with platform.storage.transaction() as uow:
        await uow.custom_domains.add(domain)
    await platform.engine.routing.publish()
    return domain


async def kept(platform: Platform) -> CustomDomain:
    async with platform.storage.snapshot() as uow:
        (domain,) = await uow.custom_domains.visible_to(PLATFORM).all()
    return domain


def route_of(platform: Platform) -> Route:
    (route,) = (r for r in platform.router.routes if r.name.startswith("project-"))
    return route


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, ("shop.example.com",)),
        ({"reachability": None}, ()),
        ({"reachability": Reachability(expected=HERE)}, ()),
        ({"reachability": None, "ssl_enabled": True}, ("shop.example.com",)),
        ({"verified_at": None}, ()),
    ],
)
async def test_a_proven_domain_that_leads_here_wants_a_certificate(
    served: Platform, shop: Project, fields: dict[str, Any], wanted: tuple[str, ...]
) -> None:
    """An authority would try others in vain; who has one keeps it, whatever the DNS tells."""
    await keep(served, shop, **fields)

    assert wanted == route_of(served).wants_certificates


@pytest.mark.parametrize("name", ["shop.example.com", "*.example.com"])
async def test_a_certificate_sends_visitors_to_https(
    served: Platform, shop: Project, name: str
) -> None:
    """As long as it is good."""
    await keep(served, shop)
    served.router.obtained[name] = served.clock() + A_MONTH

    await served.engine.certificates.note()
    having = await kept(served), route_of(served).has_certificates
    served.clock.tick(A_MONTH.total_seconds())
    await served.engine.certificates.note()
    await served.engine.reconciliation.mend_routes()

    assert (True, ("shop.example.com",)) == (having[0].ssl_enabled, having[1])
    assert (False, ()) == ((await kept(served)).ssl_enabled, route_of(served).has_certificates)


async def test_a_claim_gets_nothing_of_a_certificate_that_is_there(
    served: Platform, shop: Project
) -> None:
    """Not even of one that its former owner has left."""
    await keep(served, shop, verified_at=None)
    served.router.obtained["shop.example.com"] = served.clock() + A_MONTH

    await served.engine.certificates.note()

    assert not (await kept(served)).ssl_enabled
    assert ("shop.localhost",) == route_of(served).hosts


async def test_the_router_is_given_a_table_when_certificates_are_others(served: Platform) -> None:
    """Files that are replaced are read again by that, and no more often than that."""
    tables = [len(served.router.history)]
    for until in (1, 1, 2):
        served.router.obtained["own.example.com"] = served.clock() + until * A_MONTH
        await served.engine.certificates.note()
        tables.append(len(served.router.history))

    assert [0, 1, 1, 2] == [count - tables[0] for count in tables]


async def test_a_domain_without_its_certificate_is_told_of_each_hour(
    served: Platform, shop: Project
) -> None:
    """An authority that was away is asked once more."""
    await keep(served, shop)
    tables = [len(served.router.history)]
    for seconds in (0, 0, 3599, 1):
        served.clock.tick(seconds)
        await served.engine.certificates.note()
        tables.append(len(served.router.history))

    assert [0, 1, 1, 1, 2] == [count - tables[0] for count in tables]
