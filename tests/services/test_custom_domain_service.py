"""Custom domains: claimed and given up by owners; the platform's own names are not to be had."""

import pytest
from anyio import create_task_group
from attrs import evolve
from tests.services.world import World

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.custom_domains import (
    CustomDomain,
    CustomDomainId,
    DomainStatus,
    HostRecords,
    NewCustomDomain,
)
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import (
    DuplicateError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from pushpaka_core.services.custom_domains import CustomDomainService
from pushpaka_core.services.journal import Journal
from pushpaka_core.testing.objects import a_custom_domain, an_id

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(world: World, ann: Actor) -> Project:
    return await world.project(ann, "shop")


def a_new(project: Project, domain: str = "shop.example.com") -> NewCustomDomain:
    return NewCustomDomain(project_id=project.id, domain=domain)


def publish(world: World, *claims: CustomDomain) -> None:
    """Publish the records that prove *claims*, which are of one domain."""
    texts = tuple(claim.challenge for claim in claims)
    world.resolver.records[claims[0].challenge_name, "TXT"] = texts


def reached(domain: CustomDomain) -> bool:
    assert domain.reachability is not None
    return domain.reachability.is_reached


class TestAdd:
    async def test_claims_a_domain(self, world: World, ann: Actor, shop: Project) -> None:
        """A claim is not verified, and has a challenge of its own."""
        one = await world.custom_domains.add(ann, a_new(shop, "Shop.Example.COM"))
        other = await world.custom_domains.add(ann, a_new(shop, "www.example.com"))

        assert ("shop.example.com", shop.id, ann.user_id) == (
            one.domain,
            one.project_id,
            one.user_id,
        )
        assert not one.is_verified
        assert "_pushpaka-challenge.shop.example.com" == one.challenge_name
        assert len(one.challenge) >= 32
        assert one.challenge != other.challenge
        assert [other.id, one.id] == [d.id for d in await world.custom_domains.all(ann)]
        assert ("domain.added", "www.example.com") == (await world.trail(ann))[0]

    async def test_takes_a_domain_once_for_a_project(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """The same name in another case is the same domain."""
        await world.custom_domains.add(ann, a_new(shop))

        with pytest.raises(DuplicateError, match="domain"):
            await world.custom_domains.add(ann, a_new(shop, "SHOP.example.com"))

    async def test_a_claim_keeps_nobody_away(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """Two may claim a domain; only proof decides."""
        await world.custom_domains.add(ann, a_new(shop))

        await world.custom_domains.add(bob, a_new(await world.project(bob)))

        assert 1 == len(await world.custom_domains.all(bob))

    async def test_a_proven_domain_is_taken(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """What somebody has proven to be theirs cannot be claimed by another."""
        proven = a_custom_domain(shop, domain="shop.example.com", verified_at=world.clock())
        async with world.storage.transaction() as uow:
            await uow.custom_domains.add(proven)
        his = await world.project(bob)

        with pytest.raises(DuplicateError):
            await world.custom_domains.add(bob, a_new(his))

        assert [proven] == await world.custom_domains.all(ann)

    @pytest.mark.parametrize(
        "domain", ["apps.example.com", "shop.apps.example.com", "API.Apps.Example.com"]
    )
    async def test_refuses_the_platforms_own(
        self, world: World, ann: Actor, shop: Project, domain: str
    ) -> None:
        """The base domain and all below it are the platform's."""
        new_id = an_id
        service = CustomDomainService(
            storage=world.storage,
            journal=Journal(world.clock, new_id),
            checks=world.domain_checks,
            addresses=Addresses(base_domain="apps.example.com"),
            now=world.clock,
            new_id=new_id,
        )

        with pytest.raises(InvalidInputError) as refusal:
            await service.add(ann, a_new(shop, domain))

        assert {"domain": "must not be an address of this platform"} == refusal.value.problems

    async def test_needs_the_owner_and_the_full_scope(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """Others see no project, and a token for deploying claims nothing."""
        with pytest.raises(NotFoundError, match="no such project"):
            await world.custom_domains.add(bob, a_new(shop))
        with pytest.raises(NotAllowedError):
            await world.custom_domains.add(evolve(ann, scope=Scope.DEPLOY), a_new(shop))


class TestVerify:
    async def test_proves_a_claim_by_its_record(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """What is published is seen at the next look, with where its visitors are sent."""
        claim = await world.custom_domains.add(ann, a_new(shop))
        early = await world.custom_domains.verify(ann, claim.id)
        publish(world, claim)
        world.resolver.records[claim.domain, "CNAME"] = ("shop.localhost",)

        verified = await world.custom_domains.verify(ann, claim.id)

        assert [DomainStatus.PENDING, DomainStatus.VERIFIED] == [early.status, verified.status]
        assert [False, True] == [reached(early), reached(verified)]
        assert [verified] == await world.custom_domains.all(ann)
        assert ("domain.verified", claim.domain) == (await world.trail(ann))[0]

    async def test_tells_strangers_nothing_of_a_name(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """The name servers of this host may know more of it than those of others."""
        claim = await world.custom_domains.add(ann, a_new(shop))
        world.resolver.records[claim.domain, "A"] = ("10.0.0.5",)

        looked = await world.custom_domains.verify(ann, claim.id)

        assert looked.reachability == claim.reachability
        assert looked.reachability is not None
        assert HostRecords() == looked.reachability.seen

    async def test_one_of_two_proven_claims_has_the_domain(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """The first one does; the other hears that it is taken, at each try."""
        hers = await world.custom_domains.add(ann, a_new(shop))
        his = await world.custom_domains.add(bob, a_new(await world.project(bob)))
        publish(world, hers, his)
        outcomes: list[str] = []

        async def verify(actor: Actor, claim: CustomDomain) -> None:
            try:
                outcomes.append((await world.custom_domains.verify(actor, claim.id)).status)
            except DuplicateError:
                outcomes.append("taken")

        async with create_task_group() as racing:
            racing.start_soon(verify, ann, hers)
            racing.start_soon(verify, bob, his)

        assert ["taken", "verified"] == sorted(outcomes)

    async def test_says_that_name_servers_are_silent(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """What was proven before stays so."""
        claim = await world.custom_domains.add(ann, a_new(shop))
        publish(world, claim)
        await world.custom_domains.verify(ann, claim.id)
        world.resolver.is_up = False

        domain = await world.custom_domains.verify(ann, claim.id)

        assert DomainStatus.VERIFIED is domain.status
        assert f"The name servers do not answer for {claim.challenge_name}." == domain.reason

    async def test_needs_the_owner_and_the_full_scope(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """To others a domain does not exist, just as one that never was."""
        domain = await world.custom_domains.add(ann, a_new(shop))

        with pytest.raises(NotFoundError, match="no such domain"):
            await world.custom_domains.verify(bob, domain.id)
        with pytest.raises(NotAllowedError):
            await world.custom_domains.verify(evolve(ann, scope=Scope.DEPLOY), domain.id)


class TestDelete:
    async def test_gives_a_domain_up(self, world: World, ann: Actor, shop: Project) -> None:
        """A domain that was given up can be claimed again."""
        domain = await world.custom_domains.add(ann, a_new(shop))

        await world.custom_domains.delete(ann, domain.id)

        assert [] == await world.custom_domains.all(ann)
        assert ("domain.removed", "shop.example.com") == (await world.trail(ann))[0]
        await world.custom_domains.add(ann, a_new(shop))

    async def test_needs_the_owner_and_the_full_scope(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """To others a domain does not exist, just as one that never was."""
        domain = await world.custom_domains.add(ann, a_new(shop))

        for actor, domain_id in ((bob, domain.id), (ann, CustomDomainId(an_id()))):
            with pytest.raises(NotFoundError, match="no such domain"):
                await world.custom_domains.delete(actor, domain_id)
        with pytest.raises(NotAllowedError):
            await world.custom_domains.delete(evolve(ann, scope=Scope.DEPLOY), domain.id)
