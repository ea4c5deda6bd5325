"""
Contract tests for the `Storage` port.

Derive a test class from `StorageContract` in a module with the fixture `storage`, an empty storage.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import pytest
from anyio import CancelScope, create_task_group, fail_after
from anyio.lowlevel import checkpoint
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.testing.objects.accounts import (
    a_revoked_token,
    a_user,
    an_api_token,
)
from pushpaka_core.testing.objects.deployments import (
    a_deployment,
    a_log_entry,
    a_release,
    a_running_deployment,
    a_target,
    a_timeline_event,
    an_instance,
)
from pushpaka_core.testing.objects.projects import (
    a_custom_domain,
    a_project,
)
from pushpaka_core.testing.objects.values import NOON
from pushpaka_core.testing.objects.volumes import a_snapshot, a_volume
from pushpaka_core.testing.storage.accounts import AuditEntriesContract, UsersContract
from pushpaka_core.testing.storage.archives import ArchivesContract
from pushpaka_core.testing.storage.custom_domains import CustomDomainsContract
from pushpaka_core.testing.storage.deployments import DeploymentsContract
from pushpaka_core.testing.storage.entities import ProjectEntitiesContract
from pushpaka_core.testing.storage.env_vars import EnvVarsContract
from pushpaka_core.testing.storage.integrations import OutboxContract, WebhooksContract
from pushpaka_core.testing.storage.jobs import ClaimsContract, LeasesContract
from pushpaka_core.testing.storage.logs import LogsContract
from pushpaka_core.testing.storage.members import InvitationsContract, MembersContract
from pushpaka_core.testing.storage.nodes import (
    CountersContract,
    NodeLeasesContract,
    NodesContract,
    WorkersContract,
)
from pushpaka_core.testing.storage.platform import DeploymentStatisticsContract, SecretsContract
from pushpaka_core.testing.storage.projects import DeployKeysContract, ProjectsContract
from pushpaka_core.testing.storage.releases import (
    InstancesContract,
    ReleasesContract,
    TargetsContract,
)
from pushpaka_core.testing.storage.timelines import TimelineContract
from pushpaka_core.testing.storage.tokens import ApiTokensContract, RevokedTokensContract
from pushpaka_core.testing.storage.volumes import SnapshotsContract, VolumesContract
from pushpaka_core.testing.stored_objects import (
    StorableObject,
    parts_of,
    store,
    store_project,
)

_UNSTORED_USER = a_user()
_UNSTORED_PROJECT = a_project(_UNSTORED_USER)
_UNSTORED_DEPLOYMENT = a_deployment(_UNSTORED_PROJECT)
ORPHANS: list[StorableObject] = [
    an_api_token(_UNSTORED_USER),
    a_revoked_token(_UNSTORED_USER),
    _UNSTORED_PROJECT,
    *parts_of(_UNSTORED_PROJECT),
    a_volume(_UNSTORED_PROJECT),
    a_snapshot(a_volume(_UNSTORED_PROJECT)),
    _UNSTORED_DEPLOYMENT,
    a_release(_UNSTORED_DEPLOYMENT),
    an_instance(_UNSTORED_DEPLOYMENT),
    a_timeline_event(_UNSTORED_DEPLOYMENT),
]
"""Objects whose user, project or deployment is not stored."""


class ReferencesContract:
    """Tests that objects can only refer to stored objects."""

    @pytest.mark.parametrize("orphan", ORPHANS, ids=lambda orphan: type(orphan).__name__)
    async def test_an_object_needs_its_parent(
        self, storage: Storage, orphan: StorableObject
    ) -> None:
        """An object whose parent is not stored raises NotFoundError."""
        with pytest.raises(NotFoundError):
            await store(storage, orphan)


class VersionsContract:
    """
    Tests that the versions of routed objects change with every write to them, so that readers can
    cache.
    """

    async def test_each_change_has_a_new_version(self, storage: Storage) -> None:
        """Each change results in a new version, and other writes leave the versions unchanged."""
        owner = a_user()
        project = a_project(owner)
        deployment = a_running_deployment(project)
        target, instance = a_target(deployment), an_instance(deployment)
        domain = a_custom_domain(project)
        await store(storage, owner, project, deployment, target, instance, domain)
        seen = [await _versions(storage)]

        async with storage.transaction() as uow:
            await uow.instances.store_output_position(instance.id, "7")
            await uow.logs.append(deployment.id, [a_log_entry()])
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
        return await uow.supervision_version()


class TransactionsContract:
    """Tests that transactions are atomic, and snapshots are consistent."""

    async def test_the_end_of_the_block_commits(self, storage: Storage) -> None:
        """Writes are visible to all readers after the block."""
        user = a_user()

        async with storage.transaction() as uow:
            await uow.users.add(user)

        async with storage.snapshot() as uow:
            assert user == await uow.users.get(user.id)

    async def test_a_transaction_reads_its_own_writes(self, storage: Storage) -> None:
        """Writes are visible in their own transaction before the commit."""
        user = a_user()

        async with storage.transaction() as uow:
            await uow.users.add(user)

            assert user == await uow.users.get(user.id)

    async def test_an_exception_leaves_no_changes(self, storage: Storage) -> None:
        """An exception rolls the transaction back."""
        user = a_user()

        with suppress(ZeroDivisionError):
            async with storage.transaction() as uow:
                await uow.users.add(user)
                raise ZeroDivisionError

        async with storage.snapshot() as uow:
            assert [] == list(await uow.users.all())

    async def test_a_canceled_transaction_leaves_no_changes(self, storage: Storage) -> None:
        """Canceling rolls the transaction back, and does not block the next one."""
        with CancelScope() as scope:
            async with storage.transaction() as uow:
                await uow.users.add(a_user())
                scope.cancel()
                await checkpoint()

        with fail_after(5):
            async with storage.transaction() as uow:
                assert [] == list(await uow.users.all())

    async def test_rejected_write_keeps_earlier_writes(self, storage: Storage) -> None:
        """Earlier writes are committed even if `next_sequence` raises a handled NotFoundError."""
        user = a_user()

        async with storage.transaction() as uow:
            await uow.users.add(user)
            with pytest.raises(NotFoundError):
                await uow.projects.next_sequence(a_project(a_user()))

        async with storage.snapshot() as uow:
            assert user == await uow.users.get(user.id)

    async def test_a_snapshot_does_not_wait_for_a_writer(self, storage: Storage) -> None:
        """Readers see the last committed state while a transaction is open."""
        user = a_user()

        async with storage.transaction() as writing:
            await writing.users.add(user)
            with fail_after(5):
                async with storage.snapshot() as reading:
                    seen = await reading.users.all()

        assert [] == list(seen)

    async def test_snapshot_is_consistent(self, storage: Storage) -> None:
        """A snapshot does not see later commits."""
        async with storage.snapshot() as reading:
            before = await reading.users.all()
            await store(storage, a_user())

            after = await reading.users.all()

        assert list(before) == list(after)

    async def test_a_snapshot_is_read_only(self, storage: Storage) -> None:
        """A write in a snapshot raises an error."""
        with pytest.raises(Exception, match=r"only|read"):
            async with storage.snapshot() as uow:
                await uow.users.add(a_user())

        async with storage.snapshot() as uow:
            assert [] == list(await uow.users.all())

    async def test_writers_of_the_same_row_wait_for_each_other(self, storage: Storage) -> None:
        """Concurrent increments are all counted."""
        project = await store_project(storage)
        drawn: list[int] = []

        async def draw_sequence() -> None:
            async with storage.transaction() as uow:
                drawn.append(await uow.projects.next_sequence(project))
                await checkpoint()

        async with create_task_group() as callers:
            for _ in range(5):
                callers.start_soon(draw_sequence)

        assert [1, 2, 3, 4, 5] == sorted(drawn)

    async def test_an_exception_ends_the_snapshot(self, storage: Storage) -> None:
        """An exception in the block is raised, and the snapshot is closed."""
        with pytest.raises(NotFoundError):
            async with storage.snapshot() as uow:
                await uow.projects.visible_to(PLATFORM).get(ProjectId(UUID(int=0)))

        await store(storage, a_user())

    async def test_generations_always_increase(self, storage: Storage) -> None:
        """Each generation is greater than the one before."""
        async with storage.snapshot() as uow:
            before = await uow.route_generation()
        async with storage.transaction() as uow:
            first = await uow.next_route_generation()
            second = await uow.next_route_generation()
        async with storage.transaction() as uow:
            third = await uow.next_route_generation()
        async with storage.snapshot() as uow:
            last = await uow.route_generation()

        assert 0 == before < first < second < third == last

    async def test_a_generation_follows_that_of_the_router(self, storage: Storage) -> None:
        """After the restore of an older database, generations continue after that of the router."""
        async with storage.transaction() as uow:
            jumped = await uow.next_route_generation(lower_bound=1_000_000_000_000)
            following = await uow.next_route_generation(lower_bound=5)

        assert (1_000_000_000_001, 1_000_000_000_002) == (jumped, following)

    async def test_a_storage_that_answers_passes_its_check(self, storage: Storage) -> None:
        """`check` raises nothing while the database responds."""
        await storage.check()


class StorageContract(
    TransactionsContract,
    ReferencesContract,
    VersionsContract,
    UsersContract,
    ApiTokensContract,
    RevokedTokensContract,
    AuditEntriesContract,
    ProjectsContract,
    MembersContract,
    InvitationsContract,
    ProjectEntitiesContract,
    EnvVarsContract,
    DeployKeysContract,
    CustomDomainsContract,
    VolumesContract,
    SnapshotsContract,
    WebhooksContract,
    SecretsContract,
    OutboxContract,
    DeploymentsContract,
    ArchivesContract,
    DeploymentStatisticsContract,
    ClaimsContract,
    LeasesContract,
    NodesContract,
    NodeLeasesContract,
    WorkersContract,
    CountersContract,
    TargetsContract,
    ReleasesContract,
    InstancesContract,
    LogsContract,
    TimelineContract,
):
    """Tests that every adapter of the `Storage` port must pass."""
