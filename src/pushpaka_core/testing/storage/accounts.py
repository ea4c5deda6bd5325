"""Contract tests of accounts and the audit log."""

import pytest
from anyio import create_task_group
from anyio.lowlevel import checkpoint
from attrs import evolve

from pushpaka_core.domain.accounts.quotas import QuotaUsage
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import UserId
from pushpaka_core.errors import DuplicateError, NotFoundError, StaleEntityError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user, an_audit_entry
from pushpaka_core.testing.objects.deployments import a_deployment
from pushpaka_core.testing.objects.projects import a_custom_domain, a_project, an_archive
from pushpaka_core.testing.objects.values import an_id, later
from pushpaka_core.testing.stored_objects import store


class UsersContract:
    """Contract tests of the `Users` port."""

    async def test_an_account_is_found_by_its_address_in_any_case(self, storage: Storage) -> None:
        """Email addresses are compared in their normalized form."""
        user = a_user(email="ann@example.com")
        await store(storage, user)

        async with storage.snapshot() as uow:
            assert user == await uow.users.find_by_email("Ann@Example.COM")

    async def test_an_unknown_email_is_not_found(self, storage: Storage) -> None:
        """Looking up an unknown email address returns None."""
        async with storage.snapshot() as uow:
            assert await uow.users.find_by_email("nobody@example.com") is None

    async def test_an_unknown_account_is_not_found(self, storage: Storage) -> None:
        """An unknown id raises NotFoundError."""
        async with storage.snapshot() as uow:
            with pytest.raises(NotFoundError, match="user"):
                await uow.users.get(UserId(an_id()))

    async def test_email_address_is_unique(self, storage: Storage) -> None:
        """Adding a second account with the same email address raises DuplicateError."""
        await store(storage, a_user(email="ann@example.com"))

        with pytest.raises(DuplicateError, match="email address"):
            await store(storage, a_user(email="ann@example.com"))

    async def test_update_returns_the_stored_account(self, storage: Storage) -> None:
        """An update increments the version."""
        user = a_user()
        await store(storage, user)

        async with storage.transaction() as uow:
            kept = await uow.users.update(evolve(user, name="Ann", disabled_at=later(1)))

        async with storage.snapshot() as uow:
            assert kept == await uow.users.get(user.id)
        assert ("Ann", later(1), user.version + 1) == (kept.name, kept.disabled_at, kept.version)

    async def test_an_older_account_does_not_overwrite_a_newer_one(self, storage: Storage) -> None:
        """Updating an outdated account raises StaleEntityError."""
        user = a_user()
        await store(storage, user)
        async with storage.transaction() as uow:
            await uow.users.update(evolve(user, name="First"))

        with pytest.raises(StaleEntityError):
            async with storage.transaction() as uow:
                await uow.users.update(evolve(user, name="Second"))

    async def test_email_address_of_another_account_is_rejected(self, storage: Storage) -> None:
        """Changing to an address that is in use raises DuplicateError."""
        ann, bob = a_user(), a_user()
        await store(storage, ann, bob)

        with pytest.raises(DuplicateError):
            async with storage.transaction() as uow:
                await uow.users.update(evolve(bob, email=ann.email))

    async def test_accounts_are_listed_oldest_first(self, storage: Storage) -> None:
        """Accounts are ordered by their creation time."""
        young, old = a_user(created_at=later(9)), a_user(created_at=later(1))
        await store(storage, young, old)

        async with storage.snapshot() as uow:
            assert [old, young] == list(await uow.users.all())

    async def test_storage_reports_whether_an_account_exists(self, storage: Storage) -> None:
        """A transaction sees the account that it has just added."""
        async with storage.transaction() as uow:
            before = await uow.users.any_exist()
            await uow.users.add(a_user())
            during = await uow.users.any_exist()
        async with storage.snapshot() as uow:
            after = await uow.users.any_exist()

        assert [False, True, True] == [before, during, after]

    async def test_usage_of_a_user_is_counted(self, storage: Storage) -> None:
        """
        The counts of a user exclude deleted projects, final deployments and the objects of other
        users.
        """
        ann, bob = a_user(), a_user()
        shop, gone, others = a_project(ann), a_project(ann, deleted_at=later(1)), a_project(bob)
        done = DeploymentStatus.FAILED
        await store(
            storage,
            *(ann, bob, shop, gone, others),
            *(a_deployment(shop), a_deployment(others), a_deployment(shop, status=done)),
            *(a_custom_domain(shop), a_custom_domain(shop), a_custom_domain(others)),
            a_custom_domain(shop, verified_at=later(1)),
            *(an_archive(shop, size=2), an_archive(others, size=3, user_id=ann.id)),
        )

        async with storage.transaction() as uow:
            held = [await uow.users.quota_usage(user.id) for user in (ann, bob)]

        assert [
            QuotaUsage(
                projects=1,
                queued_deployments=1,
                domains=3,
                unverified_domains=2,
                archive_bytes=5,
                volumes=0,
                volume_bytes=0,
            ),
            QuotaUsage(
                projects=1,
                queued_deployments=1,
                domains=1,
                unverified_domains=1,
                archive_bytes=0,
                volumes=0,
                volume_bytes=0,
            ),
        ] == held

    async def test_concurrent_transactions_respect_a_quota(self, storage: Storage) -> None:
        """Concurrent transactions that check a quota do not exceed it."""
        ann = a_user()
        await store(storage, ann)

        async def take() -> None:
            async with storage.transaction() as uow:
                held = await uow.users.quota_usage(ann.id)
                await checkpoint()
                if held.projects < 2:
                    await uow.projects.add(a_project(ann))

        async with create_task_group() as takers:
            for _ in range(5):
                takers.start_soon(take)

        async with storage.transaction() as uow:
            assert 2 == (await uow.users.quota_usage(ann.id)).projects


class AuditEntriesContract:
    """Contract tests of the `AuditEntries` port."""

    async def test_entries_are_sorted_newest_first(self, storage: Storage) -> None:
        """Entries of the same moment are in reverse order of insertion."""
        user = a_user()
        first, second, third = (an_audit_entry(user.id, detail=d) for d in ("1", "2", "3"))
        await store(storage, third, first, second)

        async with storage.snapshot() as uow:
            page = await uow.audit_entries.page(None, limit=2, offset=0)
            rest = await uow.audit_entries.page(None, limit=2, offset=2)

        assert ([second, first], [third]) == (list(page.items), list(rest.items))
        assert (3, 3) == (page.total, rest.total)

    async def test_user_sees_their_own_entries(self, storage: Storage) -> None:
        """Only entries of the user are returned and counted."""
        ann, bob = UserId(an_id()), UserId(an_id())
        mine = an_audit_entry(ann)
        await store(storage, mine, an_audit_entry(bob), an_audit_entry(None))

        async with storage.snapshot() as uow:
            page = await uow.audit_entries.page(ann, limit=10, offset=0)

        assert ([mine], 1) == (list(page.items), page.total)
