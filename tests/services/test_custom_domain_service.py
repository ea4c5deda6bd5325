"""Custom domains: claimed and given up by owners; the platform's own names are not to be had."""

import pytest
from attrs import evolve
from tests.services.world import World

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.custom_domains import CustomDomainId, NewCustomDomain
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
