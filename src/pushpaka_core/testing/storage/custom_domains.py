"""Contract tests of custom domains."""

import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.routing.custom_domains import (
    VERIFICATION_PERIOD,
    CustomDomain,
    CustomDomainId,
    HostRecords,
    Reachability,
)
from pushpaka_core.errors import DuplicateError, NotFoundError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import (
    a_custom_domain,
    a_project,
)
from pushpaka_core.testing.objects.values import an_id, later
from pushpaka_core.testing.stored_objects import store, store_project


class CustomDomainsContract:
    """Contract tests of the `CustomDomains` and `VisibleCustomDomains` ports."""

    async def test_an_owner_sees_their_own_domains(self, storage: Storage) -> None:
        """Domains are listed newest first, except those of other owners and deleted projects."""
        ann, bob = a_user(), a_user()
        mine, foreign = a_project(ann), a_project(bob)
        gone = a_project(ann, deleted_at=later(1))
        old = a_custom_domain(mine, created_at=later(1))
        young = a_custom_domain(mine, created_at=later(2))
        hidden = a_custom_domain(foreign), a_custom_domain(gone)
        await store(storage, ann, bob, mine, foreign, gone, young, old, *hidden)

        async with storage.snapshot() as uow:
            visible = uow.custom_domains.visible_to(Actor.from_user(ann))
            assert [young, old] == list(await visible.all())
            assert old == await visible.get(old.id)
            assert 4 == len(await uow.custom_domains.visible_to(PLATFORM).all())
            for domain in hidden:
                with pytest.raises(NotFoundError, match="domain"):
                    await visible.get(domain.id)

    async def test_an_unknown_domain_is_not_found(self, storage: Storage) -> None:
        """An unknown id raises NotFoundError."""
        async with storage.snapshot() as uow:
            with pytest.raises(NotFoundError, match="domain"):
                await uow.custom_domains.visible_to(PLATFORM).get(CustomDomainId(an_id()))

    async def test_domain_is_unique_in_a_project(self, storage: Storage) -> None:
        """Another project may claim the same domain while it is unverified."""
        one, other = await store_project(storage), await store_project(storage)
        await store(storage, a_custom_domain(one, domain="app.example.com"))
        await store(storage, a_custom_domain(other, domain="app.example.com"))

        with pytest.raises(DuplicateError, match="domain"):
            await store(storage, a_custom_domain(one, domain="app.example.com"))

    async def test_verified_domain_cannot_be_claimed(self, storage: Storage) -> None:
        """Adding a verified domain to another project raises DuplicateError."""
        one, other = await store_project(storage), await store_project(storage)
        await store(storage, a_custom_domain(one, domain="app.example.com", verified_at=later(1)))

        with pytest.raises(DuplicateError, match="domain"):
            await store(storage, a_custom_domain(other, domain="app.example.com"))

    async def test_a_domain_can_be_changed(self, storage: Storage) -> None:
        """All results of a DNS check are stored."""
        domain = a_custom_domain(await store_project(storage))
        await store(storage, domain)
        records = HostRecords(cname="edge.example.net", addresses=("192.0.2.1", "2001:db8::1"))
        changed = evolve(
            domain,
            verified_at=later(1),
            missing_since=later(2),
            checked_at=later(3),
            reason="The record was not found.",
            reachability=Reachability(seen=records),
        )

        async with storage.transaction() as uow:
            await uow.custom_domains.update(changed)

        async with storage.snapshot() as uow:
            assert [changed] == list(await uow.custom_domains.visible_to(PLATFORM).all())

    async def test_due_domains_are_returned(self, storage: Storage) -> None:
        """
        Domains that have been due the longest come first, up to the limit.

        A domain whose last check is in the future is due as well, because the clock was set back.
        """
        project = await store_project(storage)
        new = a_custom_domain(project, created_at=later(30))
        seen = a_custom_domain(project, checked_at=later(10))
        proven = a_custom_domain(project, verified_at=later(0), checked_at=later(20))
        ahead = a_custom_domain(project, verified_at=later(0), checked_at=later(50_000))
        await store(storage, new, seen, proven, ahead)

        async def find_due(seconds: float, limit: int = 9) -> list[CustomDomain]:
            async with storage.snapshot() as uow:
                visible = uow.custom_domains.visible_to(PLATFORM)
                return list(await visible.list_due(later(seconds), limit=limit))

        assert [ahead] == await find_due(69)
        assert [seen, ahead] == await find_due(70)
        assert [seen, new, ahead] == await find_due(90)
        assert [seen, new, proven, ahead] == await find_due(3620)
        assert [seen, new] == await find_due(3620, limit=2)
        assert [seen, new, proven] == await find_due(50_001)

    async def test_changed_domain_is_due_at_its_new_time(self, storage: Storage) -> None:
        """A domain is not due right after a check. If unverified, it is due when it expires."""
        domain = a_custom_domain(await store_project(storage))
        await store(storage, domain)
        changed = evolve(domain, checked_at=later(VERIFICATION_PERIOD.total_seconds() - 5))
        async with storage.transaction() as uow:
            await uow.custom_domains.update(changed)

        async with storage.snapshot() as uow:
            visible = uow.custom_domains.visible_to(PLATFORM)
            end = VERIFICATION_PERIOD.total_seconds()
            assert [] == list(await visible.list_due(later(end - 1), limit=9))
            assert [changed] == list(await visible.list_due(later(end), limit=9))

    async def test_verified_domains_are_found_by_name(self, storage: Storage) -> None:
        """Unverified domains with the same names are not returned."""
        one, other = await store_project(storage), await store_project(storage)
        claim = a_custom_domain(other, domain="a.example.com")
        pending = a_custom_domain(one, domain="b.example.com")
        proven = a_custom_domain(one, domain="a.example.com", verified_at=later(1))
        await store(storage, claim, pending, proven)

        async with storage.snapshot() as uow:
            visible = uow.custom_domains.visible_to(PLATFORM)
            names = {"a.example.com", "b.example.com", "c.example.com"}
            assert [proven] == list(await visible.list_verified(names))
            assert [] == list(await visible.list_verified({"c.example.com"}))

    async def test_recently_changed_domains_are_found(self, storage: Storage) -> None:
        """Domains that have changed at the given moment or later are returned."""
        project = await store_project(storage)
        old, young = (a_custom_domain(project, updated_at=later(n)) for n in (1, 2))
        await store(storage, old, young)

        async with storage.snapshot() as uow:
            visible = uow.custom_domains.visible_to(PLATFORM)
            assert [young] == list(await visible.list_changed_since(later(2)))

    async def test_removed_domain_cannot_be_changed(self, storage: Storage) -> None:
        """Updating a removed domain raises NotFoundError."""
        domain = a_custom_domain(await store_project(storage))

        async with storage.transaction() as uow:
            with pytest.raises(NotFoundError, match="domain"):
                await uow.custom_domains.update(domain)

    async def test_one_of_several_claims_is_verified(self, storage: Storage) -> None:
        """The other claims of the same name can be changed, but not verified."""
        claims = [
            a_custom_domain(await store_project(storage), domain="app.example.com")
            for _ in range(2)
        ]
        await store(storage, *claims)
        async with storage.transaction() as uow:
            await uow.custom_domains.update(evolve(claims[0], verified_at=later(1)))

        with pytest.raises(DuplicateError, match="domain"):
            async with storage.transaction() as uow:
                await uow.custom_domains.update(evolve(claims[1], verified_at=later(2)))

        async with storage.transaction() as uow:
            await uow.custom_domains.update(evolve(claims[1], checked_at=later(2)))

    async def test_a_removed_domain_is_gone(self, storage: Storage) -> None:
        """Removing the domain again has no effect."""
        domain = a_custom_domain(await store_project(storage))
        await store(storage, domain)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.custom_domains.remove(domain)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.custom_domains.visible_to(PLATFORM).all())
