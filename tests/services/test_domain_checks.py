"""Custom domains are looked at by the platform itself, as seldom as will do."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta

import pytest
from attrs import define, evolve, field
from tests.services.world import World

from pushpaka_core.adapters.memory.resolver import MemoryResolver
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.custom_domains import (
    CLAIM_KEPT,
    LAPSES_AFTER,
    CustomDomain,
    DomainStatus,
    NewCustomDomain,
)
from pushpaka_core.domain.projects import Project

pytestmark = pytest.mark.anyio

AN_HOUR = 3600.0


@pytest.fixture
async def shop(world: World, ann: Actor) -> Project:
    return await world.project(ann, "shop")


async def claimed(world: World, owner: Actor, project: Project) -> CustomDomain:
    new = NewCustomDomain(project_id=project.id, domain="shop.example.com")
    return await world.custom_domains.add(owner, new)


def publish(world: World, *claims: CustomDomain) -> None:
    texts = tuple(claim.challenge for claim in claims)
    world.resolver.records[claims[0].challenge_name, "TXT"] = texts


async def later(world: World, owner: Actor, seconds: float) -> Sequence[CustomDomain]:
    """Let time pass and the platform look, and return the owner's domains."""
    world.clock.tick(seconds)
    await world.domain_checks.check_due()
    return await world.custom_domains.all(owner)


@define
class SlowResolver(MemoryResolver):
    """Lets something happen while it is asked."""

    meanwhile: Callable[[], Awaitable[None]] = field(kw_only=True)

    async def texts(self, name: str, /) -> Collection[str]:
        await self.meanwhile()
        return await super().texts(name)


async def test_a_published_record_is_found_by_itself(
    world: World, ann: Actor, shop: Project
) -> None:
    """Nobody has to ask, and nobody is named as who verified it."""
    publish(world, await claimed(world, ann, shop))

    (too_early,) = await later(world, ann, 59)
    (in_time,) = await later(world, ann, 1)

    assert [False, True] == [too_early.is_verified, in_time.is_verified]
    assert "domain.added" == (await world.trail(ann))[0][0]


async def test_a_domain_without_its_record_lapses(world: World, ann: Actor, shop: Project) -> None:
    """It is routed for some days on, and can be proven again."""
    claim = await claimed(world, ann, shop)
    publish(world, claim)
    await world.custom_domains.verify(ann, claim.id)
    world.resolver.records.clear()

    (lapsing,) = await later(world, ann, AN_HOUR)
    (lapsed,) = await later(world, ann, LAPSES_AFTER.total_seconds())
    publish(world, claim)
    (proven,) = await later(world, ann, AN_HOUR)

    assert [DomainStatus.LAPSING, DomainStatus.PENDING, DomainStatus.VERIFIED] == [
        domain.status for domain in (lapsing, lapsed, proven)
    ]


async def test_a_claim_that_is_never_proven_ends(world: World, ann: Actor, shop: Project) -> None:
    """Its place is free again, and nothing of it stays but the audit trail."""
    await claimed(world, ann, shop)

    (waiting,) = await later(world, ann, (CLAIM_KEPT - timedelta(minutes=1)).total_seconds())
    none = await later(world, ann, 60)

    assert DomainStatus.PENDING is waiting.status
    assert [] == list(none)


async def test_a_proven_domain_never_ends_for_silent_name_servers(
    world: World, ann: Actor, shop: Project
) -> None:
    """Only an answer takes a domain away."""
    claim = await claimed(world, ann, shop)
    publish(world, claim)
    await world.custom_domains.verify(ann, claim.id)
    world.resolver.is_up = False

    for _ in range(5):
        (domain,) = await later(world, ann, LAPSES_AFTER.total_seconds())

    assert DomainStatus.VERIFIED is domain.status
    assert "do not answer" in str(domain.reason)


async def test_a_late_claim_says_that_the_domain_is_taken(
    world: World, ann: Actor, bob: Actor, shop: Project
) -> None:
    """It is looked at on, as seldom as others, until it ends."""
    hers = await claimed(world, ann, shop)
    his = await claimed(world, bob, await world.project(bob))
    publish(world, hers, his)
    await world.custom_domains.verify(ann, hers.id)

    (domain,) = await later(world, bob, 60)

    assert DomainStatus.PENDING is domain.status
    assert "Somebody else has proven that this domain is theirs." == domain.reason
    assert world.clock() == domain.checked_at


async def test_one_that_is_removed_meanwhile_is_passed_over(
    world: World, ann: Actor, shop: Project
) -> None:
    """What its owner gives up while name servers are asked is gone."""
    claim = await claimed(world, ann, shop)

    async def give_up() -> None:
        await world.custom_domains.delete(ann, claim.id)

    world.clock.tick(60)
    await evolve(world.domain_checks, resolver=SlowResolver(meanwhile=give_up)).check_due()

    assert [] == list(await world.custom_domains.all(ann))
