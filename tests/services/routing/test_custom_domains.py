"""Adding, verifying and removing custom domains, and their regular checks."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta

import pytest
from anyio import create_task_group
from attrs import define, evolve, field
from tests.service_fixtures import Services

from pushpaka_core.adapters.memory.outbound import MemoryResolver
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.routing.custom_domains import (
    LAPSE_PERIOD,
    VERIFICATION_PERIOD,
    CustomDomain,
    DomainStatus,
    HostRecords,
    NewCustomDomain,
)
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.errors import DuplicateError, InvalidInputError
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.routing.custom_domains import CustomDomainService
from pushpaka_core.testing.objects.projects import a_custom_domain
from pushpaka_core.testing.objects.values import an_id

pytestmark = pytest.mark.anyio

AN_HOUR = 3600.0


@pytest.fixture
async def shop(services: Services, ann: Actor) -> Project:
    return await services.project(ann, "shop")


def a_new_domain(project: Project, domain: str = "shop.example.com") -> NewCustomDomain:
    return NewCustomDomain(project_id=project.id, domain=domain)


def publish_records(services: Services, *claims: CustomDomain) -> None:
    """Publish the TXT records that verify *claims*, which are all for the same domain."""
    texts = tuple(claim.challenge for claim in claims)
    services.resolver.records[claims[0].challenge_name, "TXT"] = texts


def is_reachable(domain: CustomDomain) -> bool:
    assert domain.reachability is not None
    return domain.reachability.is_reachable


class TestAdd:
    async def test_adds_an_unverified_domain(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        one = await services.custom_domains.add(ann, a_new_domain(shop, "Shop.Example.COM"))
        other = await services.custom_domains.add(ann, a_new_domain(shop, "www.example.com"))

        found = (one.domain, one.project_id, one.user_id)
        assert ("shop.example.com", shop.id, ann.user_id) == found
        assert not one.is_verified
        assert "_pushpaka-challenge.shop.example.com" == one.challenge_name
        assert len(one.challenge) >= 32
        assert one.challenge != other.challenge
        assert [other.id, one.id] == [d.id for d in await services.custom_domains.all(ann)]
        assert ("domain.added", "www.example.com") == (await services.audit_trail(ann))[0]

    async def test_rejects_a_domain_twice_in_one_project(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        await services.custom_domains.add(ann, a_new_domain(shop))

        with pytest.raises(DuplicateError, match="domain"):
            await services.custom_domains.add(ann, a_new_domain(shop, "SHOP.example.com"))

    async def test_an_unverified_claim_does_not_block_others(
        self, services: Services, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        await services.custom_domains.add(ann, a_new_domain(shop))

        await services.custom_domains.add(bob, a_new_domain(await services.project(bob)))

        assert 1 == len(await services.custom_domains.all(bob))

    async def test_verified_domain_cannot_be_claimed(
        self, services: Services, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        proven = a_custom_domain(shop, domain="shop.example.com", verified_at=services.clock())
        async with services.storage.transaction() as uow:
            await uow.custom_domains.add(proven)
        his = await services.project(bob)

        with pytest.raises(DuplicateError):
            await services.custom_domains.add(bob, a_new_domain(his))

        assert [proven] == await services.custom_domains.all(ann)

    @pytest.mark.parametrize(
        "domain", ["apps.example.com", "shop.apps.example.com", "API.Apps.Example.com"]
    )
    async def test_rejects_domains_of_the_platform(
        self, services: Services, ann: Actor, shop: Project, domain: str
    ) -> None:
        new_id = an_id
        service = CustomDomainService(
            storage=services.storage,
            audit_log=AuditLog(services.clock, new_id),
            verifier=services.domain_verifier,
            public_urls=PublicUrls(base_domain="apps.example.com"),
            now=services.clock,
            new_id=new_id,
        )

        with pytest.raises(InvalidInputError) as refusal:
            await service.add(ann, a_new_domain(shop, domain))

        assert {"domain": "must not be an address of this platform"} == refusal.value.problems


class TestVerify:
    async def test_verifies_a_domain_with_its_txt_record(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        claim = await services.custom_domains.add(ann, a_new_domain(shop))
        early = await services.custom_domains.verify(ann, claim.id)
        publish_records(services, claim)
        services.resolver.records[claim.domain, "CNAME"] = ("shop.localhost",)

        verified = await services.custom_domains.verify(ann, claim.id)

        assert [DomainStatus.PENDING, DomainStatus.VERIFIED] == [early.status, verified.status]
        assert [False, True] == [is_reachable(early), is_reachable(verified)]
        assert [verified] == await services.custom_domains.all(ann)
        assert ("domain.verified", claim.domain) == (await services.audit_trail(ann))[0]

    async def test_does_not_reveal_dns_records_before_verification(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        claim = await services.custom_domains.add(ann, a_new_domain(shop))
        services.resolver.records[claim.domain, "A"] = ("10.0.0.5",)

        looked = await services.custom_domains.verify(ann, claim.id)

        assert looked.reachability == claim.reachability
        assert looked.reachability is not None
        assert HostRecords() == looked.reachability.seen

    async def test_only_one_of_two_claims_is_verified(
        self, services: Services, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        hers = await services.custom_domains.add(ann, a_new_domain(shop))
        his = await services.custom_domains.add(bob, a_new_domain(await services.project(bob)))
        publish_records(services, hers, his)
        outcomes: list[str] = []

        async def verify(actor: Actor, claim: CustomDomain) -> None:
            try:
                outcomes.append((await services.custom_domains.verify(actor, claim.id)).status)
            except DuplicateError:
                outcomes.append("taken")

        async with create_task_group() as racing:
            racing.start_soon(verify, ann, hers)
            racing.start_soon(verify, bob, his)

        assert ["taken", "verified"] == sorted(outcomes)

    async def test_reports_unreachable_name_servers(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        claim = await services.custom_domains.add(ann, a_new_domain(shop))
        publish_records(services, claim)
        await services.custom_domains.verify(ann, claim.id)
        services.resolver.is_available = False

        domain = await services.custom_domains.verify(ann, claim.id)

        assert DomainStatus.VERIFIED is domain.status
        failed = f"The DNS lookup for {claim.challenge_name} failed: no name server responds."
        assert f"{failed} Try again later." == domain.reason


class TestDelete:
    async def test_removes_a_domain(self, services: Services, ann: Actor, shop: Project) -> None:
        domain = await services.custom_domains.add(ann, a_new_domain(shop))

        await services.custom_domains.delete(ann, domain.id)

        assert [] == await services.custom_domains.all(ann)
        assert ("domain.removed", "shop.example.com") == (await services.audit_trail(ann))[0]
        await services.custom_domains.add(ann, a_new_domain(shop))


async def check_later(services: Services, owner: Actor, seconds: float) -> Sequence[CustomDomain]:
    """Advance the clock, check the domains that are due, and return the domains of *owner*."""
    services.clock.advance(seconds)
    await services.domain_verifier.check_due()
    return await services.custom_domains.all(owner)


@define
class SlowResolver(MemoryResolver):
    """A resolver that awaits a callback during each lookup."""

    callback: Callable[[], Awaitable[None]] = field(kw_only=True)

    async def txt_records(self, name: str, /) -> Collection[str]:
        await self.callback()
        return await super().txt_records(name)


async def test_a_published_record_is_found_automatically(
    services: Services, ann: Actor, shop: Project
) -> None:
    publish_records(services, await services.custom_domains.add(ann, a_new_domain(shop)))

    (too_early,) = await check_later(services, ann, 59)
    (in_time,) = await check_later(services, ann, 1)

    assert [False, True] == [too_early.is_verified, in_time.is_verified]
    assert "domain.added" == (await services.audit_trail(ann))[0][0]


async def test_a_domain_without_its_record_lapses(
    services: Services, ann: Actor, shop: Project
) -> None:
    claim = await services.custom_domains.add(ann, a_new_domain(shop))
    publish_records(services, claim)
    await services.custom_domains.verify(ann, claim.id)
    services.resolver.records.clear()

    (lapsing,) = await check_later(services, ann, AN_HOUR)
    (lapsed,) = await check_later(services, ann, LAPSE_PERIOD.total_seconds())
    publish_records(services, claim)
    (proven,) = await check_later(services, ann, AN_HOUR)

    assert [DomainStatus.LAPSING, DomainStatus.PENDING, DomainStatus.VERIFIED] == [
        domain.status for domain in (lapsing, lapsed, proven)
    ]


async def test_an_unverified_claim_expires(services: Services, ann: Actor, shop: Project) -> None:
    await services.custom_domains.add(ann, a_new_domain(shop))

    (waiting,) = await check_later(
        services, ann, (VERIFICATION_PERIOD - timedelta(minutes=1)).total_seconds()
    )
    none = await check_later(services, ann, 60)

    assert DomainStatus.PENDING is waiting.status
    assert [] == list(none)


async def test_a_verified_domain_survives_dns_outages(
    services: Services, ann: Actor, shop: Project
) -> None:
    claim = await services.custom_domains.add(ann, a_new_domain(shop))
    publish_records(services, claim)
    await services.custom_domains.verify(ann, claim.id)
    services.resolver.is_available = False

    for _ in range(5):
        (domain,) = await check_later(services, ann, LAPSE_PERIOD.total_seconds())

    assert DomainStatus.VERIFIED is domain.status
    assert "no name server responds" in str(domain.reason)


async def test_a_later_claim_reports_that_the_domain_is_taken(
    services: Services, ann: Actor, bob: Actor, shop: Project
) -> None:
    hers = await services.custom_domains.add(ann, a_new_domain(shop))
    his = await services.custom_domains.add(bob, a_new_domain(await services.project(bob)))
    publish_records(services, hers, his)
    await services.custom_domains.verify(ann, hers.id)

    (domain,) = await check_later(services, bob, 60)

    assert DomainStatus.PENDING is domain.status
    assert (
        "Another project has already verified this domain. Remove it there first." == domain.reason
    )
    assert services.clock() == domain.checked_at


async def test_a_concurrently_removed_domain_is_skipped(
    services: Services, ann: Actor, shop: Project
) -> None:
    claim = await services.custom_domains.add(ann, a_new_domain(shop))

    async def delete_claim() -> None:
        await services.custom_domains.delete(ann, claim.id)

    services.clock.advance(60)
    await evolve(services.domain_verifier, resolver=SlowResolver(callback=delete_claim)).check_due()

    assert [] == list(await services.custom_domains.all(ann))
