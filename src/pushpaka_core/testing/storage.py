"""
What every storage must do, as tests.

Derive a test class from `StorageContract` in a module whose fixture `storage` is an
empty storage.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import pytest
from anyio import CancelScope, create_task_group, fail_after
from anyio.lowlevel import checkpoint
from attrs import evolve

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import (
    NOON,
    a_custom_domain,
    a_project,
    a_running_deployment,
    a_target,
    a_user,
    an_entry,
    an_instance,
)
from pushpaka_core.testing.storage_accounts import AuditTrailContract, UsersContract
from pushpaka_core.testing.storage_activity import ActivityNumbersContract
from pushpaka_core.testing.storage_archives import ArchivesContract
from pushpaka_core.testing.storage_deploy_keys import DeployKeysContract
from pushpaka_core.testing.storage_deployments import DeploymentsContract
from pushpaka_core.testing.storage_jobs import ClaimsContract, LeasesContract
from pushpaka_core.testing.storage_logs import LogsContract
from pushpaka_core.testing.storage_members import InvitationsContract, MembersContract
from pushpaka_core.testing.storage_nodes import (
    NodeLeasesContract,
    NodesContract,
    TalliesContract,
    WorkersContract,
)
from pushpaka_core.testing.storage_notifications import ChannelsContract
from pushpaka_core.testing.storage_outbox import OutboxContract
from pushpaka_core.testing.storage_projects import ProjectsContract
from pushpaka_core.testing.storage_releases import (
    InstancesContract,
    ReleasesContract,
    TargetsContract,
)
from pushpaka_core.testing.storage_secrets import SecretsContract
from pushpaka_core.testing.storage_settings import CustomDomainsContract, EnvVarsContract
from pushpaka_core.testing.storage_timelines import TimelineContract
from pushpaka_core.testing.storage_tokens import ApiTokensContract, EndedTokensContract
from pushpaka_core.testing.storage_webhooks import WebhooksContract


class VersionsContract:
    """What is served is read again only after a change."""

    async def test_each_change_of_what_is_served_is_seen_by_the_versions(
        self, storage: Storage
    ) -> None:
        """Without one they stay, whatever else is kept."""
        owner = a_user()
        project = a_project(owner)
        deployment = a_running_deployment(project)
        target, instance = a_target(deployment), an_instance(deployment)
        domain = a_custom_domain(project)
        await keep(storage, owner, project, deployment, target, instance, domain)
        seen = [await _versions(storage)]

        async with storage.transaction() as uow:
            await uow.instances.mark_read(instance.id, "7")
            await uow.logs.append(deployment.id, [an_entry()])
            await uow.users.add(a_user())
        unchanged = await _versions(storage)
        target = evolve(target, version=2, stopped_at=NOON)
        looked_at = evolve(domain, checked_at=NOON)
        changes: list[Callable[[UnitOfWork], Awaitable[object]]] = [
            lambda uow: uow.projects.update(evolve(project, name="Another name")),
            lambda uow: uow.deployments.update(deployment.scale(2)),
            lambda uow: uow.targets.put(target),
            lambda uow: uow.instances.update(instance.go_live()),
            lambda uow: uow.custom_domains.update(looked_at),
            lambda uow: uow.custom_domains.update(evolve(looked_at, ssl_enabled=True)),
            lambda uow: uow.instances.add(an_instance(deployment)),
            lambda uow: uow.instances.remove(instance),
            lambda uow: uow.projects.remove(project),
        ]
        for change in changes:
            async with storage.transaction() as uow:
                await change(uow)
            seen.append(await _versions(storage))

        assert seen[0] == unchanged
        assert [] == [n for n, versions in enumerate(seen) if versions in seen[:n]]


async def _versions(storage: Storage) -> object:
    async with storage.snapshot() as uow:
        return await uow.versions_of_served()


class TransactionsContract:
    """A transaction happens wholly or not at all, and a snapshot is one moment."""

    async def test_the_end_of_the_block_commits(self, storage: Storage) -> None:
        """What was written in a block that ended is there for everybody."""
        user = a_user()

        async with storage.transaction() as uow:
            await uow.users.add(user)

        async with storage.snapshot() as uow:
            assert user == await uow.users.get(user.id)

    async def test_a_transaction_sees_what_it_wrote(self, storage: Storage) -> None:
        """Reads within a transaction answer as if it was committed."""
        user = a_user()

        async with storage.transaction() as uow:
            await uow.users.add(user)

            assert user == await uow.users.get(user.id)

    async def test_an_exception_leaves_no_trace(self, storage: Storage) -> None:
        """A block that raises has written nothing."""
        user = a_user()

        with suppress(ZeroDivisionError):
            async with storage.transaction() as uow:
                await uow.users.add(user)
                raise ZeroDivisionError

        async with storage.snapshot() as uow:
            assert [] == list(await uow.users.all())

    async def test_a_cancelled_transaction_leaves_no_trace(self, storage: Storage) -> None:
        """Who is cancelled in the middle of a block has written nothing, and blocks nobody."""
        with CancelScope() as scope:
            async with storage.transaction() as uow:
                await uow.users.add(a_user())
                scope.cancel()
                await checkpoint()

        with fail_after(5):
            async with storage.transaction() as uow:
                assert [] == list(await uow.users.all())

    async def test_a_refused_write_spoils_nothing_before(self, storage: Storage) -> None:
        """Where a block goes on after an error of ours, its other writes are kept."""
        user = a_user()

        async with storage.transaction() as uow:
            await uow.users.add(user)
            with pytest.raises(NotFoundError):
                await uow.projects.next_sequence(a_project(a_user()))

        async with storage.snapshot() as uow:
            assert user == await uow.users.get(user.id)

    async def test_a_snapshot_does_not_wait_for_a_writer(self, storage: Storage) -> None:
        """While a transaction is open, readers see what was committed before."""
        user = a_user()

        async with storage.transaction() as writing:
            await writing.users.add(user)
            with fail_after(5):
                async with storage.snapshot() as reading:
                    seen = await reading.users.all()

        assert [] == list(seen)

    async def test_a_snapshot_stays_as_it_is(self, storage: Storage) -> None:
        """What is committed after a snapshot's first look is not seen in it."""
        async with storage.snapshot() as reading:
            before = await reading.users.all()
            await keep(storage, a_user())

            after = await reading.users.all()

        assert list(before) == list(after)

    async def test_a_snapshot_only_reads(self, storage: Storage) -> None:
        """A write in a snapshot is not lost in silence."""
        with pytest.raises(Exception, match=r"only|read"):
            async with storage.snapshot() as uow:
                await uow.users.add(a_user())

        async with storage.snapshot() as uow:
            assert [] == list(await uow.users.all())

    async def test_writers_of_the_same_row_wait_for_each_other(self, storage: Storage) -> None:
        """What several transactions read and count up at once is counted for each of them."""
        project = await keep_project(storage)
        drawn: list[int] = []

        async def draw() -> None:
            async with storage.transaction() as uow:
                drawn.append(await uow.projects.next_sequence(project))
                await checkpoint()

        async with create_task_group() as callers:
            for _ in range(5):
                callers.start_soon(draw)

        assert [1, 2, 3, 4, 5] == sorted(drawn)

    async def test_a_failed_user_of_a_snapshot_blocks_nobody(self, storage: Storage) -> None:
        """A snapshot whose block raises is over."""
        with pytest.raises(NotFoundError):
            async with storage.snapshot() as uow:
                await uow.projects.visible_to(PLATFORM).get(ProjectId(UUID(int=0)))

        await keep(storage, a_user())

    async def test_generations_only_grow(self, storage: Storage) -> None:
        """Each route table has a greater number than the one before."""
        async with storage.snapshot() as uow:
            before = await uow.generation()
        async with storage.transaction() as uow:
            first = await uow.next_generation()
            second = await uow.next_generation()
        async with storage.transaction() as uow:
            third = await uow.next_generation()
        async with storage.snapshot() as uow:
            last = await uow.generation()

        assert 0 == before < first < second < third == last

    async def test_a_generation_is_above_what_the_router_shows(self, storage: Storage) -> None:
        """A database that was restored goes on from what is in force, and never back."""
        async with storage.transaction() as uow:
            jumped = await uow.next_generation(above=1_000_000_000_000)
            following = await uow.next_generation(above=5)

        assert (1_000_000_000_001, 1_000_000_000_002) == (jumped, following)

    async def test_a_storage_that_answers_passes_its_check(self, storage: Storage) -> None:
        """Nothing is raised where the database answers."""
        await storage.check()


class StorageContract(
    TransactionsContract,
    VersionsContract,
    UsersContract,
    ApiTokensContract,
    EndedTokensContract,
    AuditTrailContract,
    ProjectsContract,
    MembersContract,
    InvitationsContract,
    EnvVarsContract,
    DeployKeysContract,
    CustomDomainsContract,
    WebhooksContract,
    ChannelsContract,
    SecretsContract,
    OutboxContract,
    DeploymentsContract,
    ArchivesContract,
    ActivityNumbersContract,
    ClaimsContract,
    LeasesContract,
    NodesContract,
    NodeLeasesContract,
    WorkersContract,
    TalliesContract,
    TargetsContract,
    ReleasesContract,
    InstancesContract,
    LogsContract,
    TimelineContract,
):
    """The promises of the port `Storage`; each holds for every adapter."""
