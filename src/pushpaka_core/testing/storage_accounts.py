"""What every storage must do with accounts and the audit trail, as tests."""

import pytest
from anyio import create_task_group
from anyio.lowlevel import checkpoint
from attrs import evolve

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.quotas import Holding
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import DuplicateError, NotFoundError, StaleEntityError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep
from pushpaka_core.testing.objects import (
    a_custom_domain,
    a_deployment,
    a_project,
    a_user,
    an_audit_entry,
    an_id,
    later,
)


class UsersContract:
    """The promises of the port `Users`."""

    async def test_an_account_is_found_by_its_address_in_any_case(self, storage: Storage) -> None:
        """Addresses are compared in their normal form."""
        user = a_user(email="ann@example.com")
        await keep(storage, user)

        async with storage.snapshot() as uow:
            assert user == await uow.users.find_by_email("Ann@Example.COM")

    async def test_an_unknown_address_finds_nobody(self, storage: Storage) -> None:
        """To look for an account is no error."""
        async with storage.snapshot() as uow:
            assert await uow.users.find_by_email("nobody@example.com") is None

    async def test_an_unknown_account_is_not_found(self, storage: Storage) -> None:
        """An id that nobody has raises NotFoundError."""
        async with storage.snapshot() as uow:
            with pytest.raises(NotFoundError, match="user"):
                await uow.users.get(UserId(an_id()))

    async def test_an_address_is_taken_once(self, storage: Storage) -> None:
        """Two accounts cannot have the same e-mail address."""
        await keep(storage, a_user(email="ann@example.com"))

        with pytest.raises(DuplicateError, match="e-mail address"):
            await keep(storage, a_user(email="ann@example.com"))

    async def test_a_changed_account_is_returned_as_kept(self, storage: Storage) -> None:
        """An update counts the version up, so that the next one can tell."""
        user = a_user()
        await keep(storage, user)

        async with storage.transaction() as uow:
            kept = await uow.users.update(evolve(user, name="Ann", disabled_at=later(1)))

        async with storage.snapshot() as uow:
            assert kept == await uow.users.get(user.id)
        assert ("Ann", later(1), user.version + 1) == (kept.name, kept.disabled_at, kept.version)

    async def test_an_older_account_does_not_overwrite_a_newer_one(self, storage: Storage) -> None:
        """Who read before somebody else wrote gets StaleEntityError."""
        user = a_user()
        await keep(storage, user)
        async with storage.transaction() as uow:
            await uow.users.update(evolve(user, name="First"))

        with pytest.raises(StaleEntityError):
            async with storage.transaction() as uow:
                await uow.users.update(evolve(user, name="Second"))

    async def test_an_account_cannot_take_an_address(self, storage: Storage) -> None:
        """A change of address is judged like a new one."""
        ann, bob = a_user(), a_user()
        await keep(storage, ann, bob)

        with pytest.raises(DuplicateError):
            async with storage.transaction() as uow:
                await uow.users.update(evolve(bob, email=ann.email))

    async def test_all_accounts_are_listed_the_oldest_first(self, storage: Storage) -> None:
        """The order is that of their making."""
        young, old = a_user(created_at=later(9)), a_user(created_at=later(1))
        await keep(storage, young, old)

        async with storage.snapshot() as uow:
            assert [old, young] == list(await uow.users.all())

    async def test_what_somebody_has_is_counted(self, storage: Storage) -> None:
        """What is deleted, is done or belongs to others does not count."""
        ann, bob = a_user(), a_user()
        shop, gone, others = a_project(ann), a_project(ann, deleted_at=later(1)), a_project(bob)
        done = DeploymentStatus.FAILED
        await keep(
            storage,
            *(ann, bob, shop, gone, others),
            *(a_deployment(shop), a_deployment(others), a_deployment(shop, status=done)),
            *(a_custom_domain(shop), a_custom_domain(shop), a_custom_domain(others)),
            a_custom_domain(shop, verified_at=later(1)),
        )

        async with storage.transaction() as uow:
            held = [await uow.users.holding(user.id) for user in (ann, bob)]

        assert [
            Holding(projects=1, waiting=1, domains=3, claims=2),
            Holding(projects=1, waiting=1, domains=1, claims=1),
        ] == held

    async def test_no_two_take_the_last_place(self, storage: Storage) -> None:
        """Who takes something because there is room is the only one who saw that room."""
        ann = a_user()
        await keep(storage, ann)

        async def take() -> None:
            async with storage.transaction() as uow:
                held = await uow.users.holding(ann.id)
                await checkpoint()
                if held.projects < 2:
                    await uow.projects.add(a_project(ann))

        async with create_task_group() as takers:
            for _ in range(5):
                takers.start_soon(take)

        async with storage.transaction() as uow:
            assert 2 == (await uow.users.holding(ann.id)).projects


class AuditTrailContract:
    """The promises of the port `AuditTrail`."""

    async def test_entries_come_the_newest_first(self, storage: Storage) -> None:
        """What was told last is first, also within one moment."""
        user = a_user()
        first, second, third = (an_audit_entry(user.id, detail=d) for d in ("1", "2", "3"))
        await keep(storage, third, first, second)

        async with storage.snapshot() as uow:
            page = await uow.audit.page(None, limit=2, offset=0)
            rest = await uow.audit.page(None, limit=2, offset=2)

        assert ([second, first], [third]) == (list(page.items), list(rest.items))
        assert (3, 3) == (page.total, rest.total)

    async def test_a_person_sees_their_own_entries(self, storage: Storage) -> None:
        """With a user only that one's entries are counted and returned."""
        ann, bob = UserId(an_id()), UserId(an_id())
        mine = an_audit_entry(ann)
        await keep(storage, mine, an_audit_entry(bob), an_audit_entry(None))

        async with storage.snapshot() as uow:
            page = await uow.audit.page(ann, limit=10, offset=0)

        assert ([mine], 1) == (list(page.items), page.total)
