"""Creating, changing, detaching, attaching and purging volumes."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from anyio import create_task_group
from attrs import evolve
from tests.service_fixtures import HookedStorage, Services

from pushpaka_core.container.volumes import volume_meter, volume_purger
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.members import Member, ProjectRole, ProjectTransfer
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.ids import ReleaseId
from pushpaka_core.domain.projects.projects import Project, ProjectChanges
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import (
    RETENTION,
    NewVolume,
    PreviewVolume,
    Volume,
    VolumeAttachment,
    VolumeChanges,
    VolumePurge,
)
from pushpaka_core.errors import (
    ConflictError,
    DuplicateError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    QuotaReachedError,
    RuntimeUnavailableError,
)
from pushpaka_core.services.volumes.measurement import INTERVAL
from pushpaka_core.testing.objects.deployments import a_release, a_running_deployment, a_target
from pushpaka_core.testing.objects.values import NOON, an_id
from pushpaka_core.testing.stored_objects import store
from pushpaka_core.testing.volumes.archives import entry, tar_of

pytestmark = pytest.mark.anyio

BACK = VolumeAttachment()
A_WEEK = RETENTION.total_seconds()


@pytest.fixture
async def shop(services: Services, ann: Actor) -> Project:
    return await services.project(ann, "shop")


@pytest.fixture
async def media(services: Services, ann: Actor, shop: Project) -> Volume:
    return await create(services, ann, shop)


async def create(services: Services, actor: Actor, project: Project, **fields: Any) -> Volume:
    values = {"name": "media", "mount_path": "media"} | fields
    return await services.volumes.create(actor, NewVolume(project_id=project.id, **values))


async def add_viewer(services: Services, project: Project, viewer: Actor) -> None:
    member = Member(
        project_id=project.id,
        user_id=viewer.require_user(),
        role=ProjectRole.MEMBER,
        created_at=NOON,
    )
    await store(services.storage, member)


async def use(services: Services, project: Project, volume: Volume) -> None:
    """Store a running deployment of *project* that mounts *volume*."""
    settings = RunSettings(volumes=(volume.mount,))
    release_id = ReleaseId(an_id())
    running = a_running_deployment(project, run_settings=settings, release_id=release_id)
    release = a_release(running, id=release_id)
    await store(services.storage, running, release, a_target(running))


async def stored(services: Services) -> Sequence[Volume]:
    async with services.storage.snapshot() as uow:
        return await uow.volumes.visible_to(PLATFORM).all()


async def fill(services: Services, volume: Volume, content: bytes) -> None:
    """Create the files of a volume: one file with *content*."""

    async def archive() -> AsyncIterator[bytes]:
        yield tar_of([entry("file", content)])

    await services.volume_files.create(volume)
    await services.volume_files.write(volume, archive())


async def collect(services: Services) -> None:
    """Run the steps of the reconciler that concern volumes."""
    await volume_purger(services.adapters).purge_due()
    await volume_meter(services.adapters).measure_due()


class TestCreate:
    async def test_volume_belongs_to_production_and_the_owner(
        self, services: Services, ann: Actor, shop: Project, media: Volume
    ) -> None:
        assert (shop.id, ann.user_id, PRODUCTION) == (media.project_id, media.user_id, media.target)
        assert (VolumeAccess.ONE, PreviewVolume.NONE) == (media.access, media.preview)
        assert media == await services.volumes.get(ann, media.id)
        assert [media] == list(await services.volumes.all(ann))
        assert ("volume.created", "media") == (await services.audit_trail(ann))[0]

    @pytest.mark.usefixtures("media")
    async def test_paths_and_names_of_a_project_are_checked(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        with pytest.raises(DuplicateError, match="volume name"):
            await create(services, ann, shop, mount_path="other")
        with pytest.raises(InvalidInputError, match='must not overlap "media"'):
            await create(services, ann, shop, name="other", mount_path="media/cache")
        with pytest.raises(InvalidInputError, match="without containers"):
            await create(services, ann, shop, name="other", mount_path="/data")

        other = await create(services, ann, await services.project(ann, "other"))

        assert "media" == other.name
        assert {"mount_path"} == services.volumes.validate({"mount_path": "/data"}).keys()

    async def test_one_instance_excludes_replicas(
        self, services: Services, ann: Actor, shop: Project, media: Volume
    ) -> None:
        """Neither the volume nor the project can be changed so that two instances write."""
        changes = ProjectChanges(replicas=2)
        with pytest.raises(ConflictError, match='2 replicas cannot use the volume "media"'):
            await services.projects.change(ann, shop.id, changes)

        shared = VolumeChanges(access=VolumeAccess.MANY)
        await services.volumes.change(ann, media.id, shared)
        await services.projects.change(ann, shop.id, changes)

        with pytest.raises(InvalidInputError, match='access: must be "many"'):
            await services.volumes.change(ann, media.id, evolve(shared, access=VolumeAccess.ONE))
        with pytest.raises(InvalidInputError, match='access: must be "many"'):
            await create(services, ann, shop, name="other", mount_path="other")

    async def test_a_running_deployment_with_one_instance_is_not_scaled(
        self, services: Services, ann: Actor, shop: Project, media: Volume
    ) -> None:
        """Its frozen access counts, even if the volume has been changed since."""
        await use(services, shop, media)
        await services.volumes.change(ann, media.id, VolumeChanges(access=VolumeAccess.MANY))

        with pytest.raises(ConflictError, match="Deploy again"):
            await services.projects.change(ann, shop.id, ProjectChanges(replicas=2))

    @pytest.mark.parametrize(
        ("quotas", "message"),
        [
            (Quotas(volumes=1), "1 volumes"),
            (Quotas(volume_bytes=1), "1 bytes in volumes and snapshots"),
        ],
    )
    async def test_quota_limits_the_volumes_of_an_account(
        self, quotas: Quotas, message: str
    ) -> None:
        services = Services.of(quotas=quotas)
        ann = await services.sign_up("ann@example.com")
        shop = await services.project(ann, "shop")
        media = await create(services, ann, shop)
        await fill(services, media, b"text")
        await collect(services)

        with pytest.raises(QuotaReachedError, match=message):
            await create(services, ann, shop, name="other", mount_path="other")

    async def test_only_the_owner_changes_volumes(
        self, services: Services, bob: Actor, shop: Project, media: Volume
    ) -> None:
        await add_viewer(services, shop, bob)
        carol = await services.sign_up("carol@example.com")

        assert media == await services.volumes.get(bob, media.id)
        for actor, error in ((bob, NotAllowedError), (carol, NotFoundError)):
            with pytest.raises(error):
                await create(services, actor, shop, name="other", mount_path="other")
            with pytest.raises(error):
                await services.volumes.change(actor, media.id, VolumeChanges(size_limit=3))
            with pytest.raises(error):
                await services.volumes.detach(actor, media.id)
            with pytest.raises(error):
                await services.volumes.purge(actor, media.id, VolumePurge(name="media"))
        with pytest.raises(NotFoundError):
            await services.volumes.get(carol, media.id)


class TestLife:
    async def test_settings_change(self, services: Services, ann: Actor, media: Volume) -> None:
        changes = VolumeChanges(name="uploads", mount_path="uploads", size_limit=64)

        changed = await services.volumes.change(ann, media.id, changes)

        assert ("uploads", "uploads", 64) == (changed.name, changed.mount_path, changed.size_limit)
        assert [changed] == list(await services.volumes.all(ann))
        assert changed == await services.volumes.change(ann, media.id, VolumeChanges())
        audited = ("volume.changed", "mount_path, name, size_limit")
        assert audited == (await services.audit_trail(ann))[0]

    async def test_detached_volume_keeps_its_files_for_a_week(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        await services.volume_files.create(media)

        detached = await services.volumes.detach(ann, media.id)
        services.clock.advance(A_WEEK - 1)
        await collect(services)

        assert NOON + timedelta(days=7) == detached.purge_after
        assert await services.volume_files.exists(media)
        assert detached.purge_after == (await services.volumes.detach(ann, media.id)).purge_after
        assert media.mount == (await services.volumes.attach(ann, media.id, BACK)).mount
        services.clock.advance(2 * A_WEEK)
        await collect(services)
        assert await services.volume_files.exists(media)

    async def test_detached_volume_is_deleted_after_a_week(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        await services.volume_files.create(media)
        await services.volumes.detach(ann, media.id)
        services.clock.advance(A_WEEK)

        await collect(services)

        assert not await services.volume_files.exists(media)
        assert [] == list(await stored(services))

    async def test_volume_in_use_is_kept_after_a_week(
        self, services: Services, ann: Actor, shop: Project, media: Volume
    ) -> None:
        await services.volume_files.create(media)
        await use(services, shop, media)
        await services.volumes.detach(ann, media.id)
        services.clock.advance(A_WEEK)

        await collect(services)

        assert await services.volume_files.exists(media)

    async def test_volumes_outlive_their_project(
        self, services: Services, ann: Actor, bob: Actor, shop: Project, media: Volume
    ) -> None:
        """The owner can attach them to another project for 7 days."""
        await add_viewer(services, shop, bob)
        await services.volume_files.create(media)

        await services.projects.delete(ann, shop.id)
        node_lease = services.worker_services.held_lease
        await node_lease.acquire("worker", expected=await node_lease.read())
        await services.worker_services.garbage_collector.projects.delete_projects()

        (kept,) = await services.volumes.all(ann)
        assert (None, NOON + RETENTION) == (kept.project_id, kept.purge_after)
        assert [] == list(await services.volumes.all(bob))
        with pytest.raises(ConflictError, match="was deleted"):
            await services.volumes.attach(ann, media.id, BACK)
        other = await services.project(ann, "other")
        attached = await services.volumes.attach(
            ann, media.id, VolumeAttachment(project_id=other.id)
        )
        assert (other.id, True) == (attached.project_id, attached.is_attached)
        assert await services.volume_files.exists(media)

    async def test_volume_moves_only_to_projects_of_its_owner(
        self, services: Services, ann: Actor, bob: Actor, media: Volume
    ) -> None:
        there = VolumeAttachment(project_id=(await services.project(bob, "other")).id)
        with pytest.raises(NotFoundError):
            await services.volumes.attach(ann, media.id, there)
        with pytest.raises(ConflictError, match="Detach it first"):
            await services.volumes.attach(ann, media.id, BACK)

    async def test_volume_in_use_is_not_moved(
        self, services: Services, ann: Actor, shop: Project, media: Volume
    ) -> None:
        """Instances of two projects would write the same files."""
        there = VolumeAttachment(project_id=(await services.project(ann, "other")).id)
        await use(services, shop, media)
        await services.volumes.detach(ann, media.id)

        with pytest.raises(ConflictError, match='a deployment of "shop" still use'):
            await services.volumes.attach(ann, media.id, there)

        assert (await services.volumes.attach(ann, media.id, BACK)).is_attached
        await services.projects.delete(ann, shop.id)
        with pytest.raises(ConflictError, match='the deleted project "shop" still use'):
            await services.volumes.attach(ann, media.id, there)

    async def test_attached_volume_is_checked_like_a_new_one(
        self, services: Services, ann: Actor, shop: Project, media: Volume
    ) -> None:
        await services.volumes.detach(ann, media.id)
        other = await create(services, ann, shop, name="other")
        with pytest.raises(InvalidInputError, match="must not overlap"):
            await services.volumes.attach(ann, media.id, BACK)

        await services.volumes.change(
            ann, other.id, VolumeChanges(name="media", mount_path="other")
        )

        with pytest.raises(DuplicateError):
            await services.volumes.attach(ann, media.id, BACK)

    async def test_new_owner_of_the_project_owns_its_volumes(
        self, services: Services, ann: Actor, bob: Actor, shop: Project, media: Volume
    ) -> None:
        await add_viewer(services, shop, bob)

        transfer = ProjectTransfer(owner_id=bob.require_user())
        await services.members.transfer(ann, shop.id, transfer)

        assert bob.user_id == (await services.volumes.detach(bob, media.id)).user_id

    async def test_size_counts_against_the_quota_of_the_new_owner(
        self, services: Services, ann: Actor, bob: Actor, shop: Project, media: Volume
    ) -> None:
        await add_viewer(services, shop, bob)
        own = await create(services, bob, await services.project(bob, "own"))
        for volume in media, own:
            await fill(services, volume, b"12345")
        await collect(services)
        small, large = [
            evolve(services.members, quotas=Quotas(volume_bytes=size)) for size in (9, 10)
        ]
        transfer = ProjectTransfer(owner_id=bob.require_user())

        with pytest.raises(ConflictError, match="the new owner's limit on the size of volumes and"):
            await small.transfer(ann, shop.id, transfer)

        assert ProjectRole.OWNER is (await large.transfer(ann, shop.id, transfer)).role

    async def test_size_is_measured(self, services: Services, ann: Actor, media: Volume) -> None:
        """One volume is measured at once, and all of them every hour."""
        await fill(services, media, b"12345")

        assert 5 == (await services.volumes.get(ann, media.id)).used_bytes
        assert [None] == [volume.used_bytes for volume in await services.volumes.all(ann)]
        await collect(services)
        services.volume_files.is_unavailable = True

        assert [5] == [volume.used_bytes for volume in await services.volumes.all(ann)]
        assert 5 == (await services.volumes.get(ann, media.id)).used_bytes
        services.volume_files.is_unavailable = False
        await fill(services, media, b"1234567")
        services.clock.advance(INTERVAL.total_seconds() - 1)
        await collect(services)
        assert [5] == [volume.used_bytes for volume in await services.volumes.all(ann)]
        services.clock.advance(1)
        await collect(services)
        assert [7] == [volume.used_bytes for volume in await services.volumes.all(ann)]


class TestPurge:
    async def test_purge_needs_the_name_of_a_detached_volume(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        await services.volume_files.create(media)
        with pytest.raises(ConflictError, match="Detach it first"):
            await services.volumes.purge(ann, media.id, VolumePurge(name="media"))
        await services.volumes.detach(ann, media.id)
        with pytest.raises(InvalidInputError, match='name: must be "media"'):
            await services.volumes.purge(ann, media.id, VolumePurge(name="other"))
        assert await services.volume_files.exists(media)

        await services.volumes.purge(ann, media.id, VolumePurge(name="media"))

        assert not await services.volume_files.exists(media)
        assert [] == list(await stored(services))
        assert ("volume.purged", "media") == (await services.audit_trail(ann))[0]

    async def test_volume_in_use_is_not_purged(
        self, services: Services, ann: Actor, shop: Project, media: Volume
    ) -> None:
        await use(services, shop, media)
        await services.volumes.detach(ann, media.id)

        with pytest.raises(ConflictError, match='Deploy "shop" again'):
            await services.volumes.purge(ann, media.id, VolumePurge(name="media"))

    async def test_interrupted_purge_is_completed(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """The volume cannot be attached anymore, although its files still exist."""
        await services.volume_files.create(media)
        await services.volumes.detach(ann, media.id)
        services.volume_files.is_unavailable = True
        with pytest.raises(RuntimeUnavailableError):
            await services.volumes.purge(ann, media.id, VolumePurge(name="media"))
        with pytest.raises(ConflictError, match="are being deleted"):
            await services.volumes.attach(ann, media.id, BACK)

        services.volume_files.is_unavailable = False
        await collect(services)

        assert set() == set(await services.volume_files.ids())
        assert [] == list(await stored(services))

    @pytest.mark.parametrize("transactions_before", range(3))
    async def test_attached_volume_never_loses_its_files(
        self, services: Services, ann: Actor, media: Volume, transactions_before: int
    ) -> None:
        """Either the attachment or the deletion wins, at whichever step the other one comes."""
        await services.volume_files.create(media)
        await services.volumes.detach(ann, media.id)
        services.clock.advance(A_WEEK)
        outcomes: list[str] = []
        storage = HookedStorage(services.storage)
        remaining = [transactions_before]

        async def attach() -> None:
            remaining[0] -= 1
            if remaining[0] == -1:
                try:
                    await services.volumes.attach(ann, media.id, BACK)
                    outcomes.append("attached")
                except (ConflictError, NotFoundError):
                    outcomes.append("refused")

        storage.before_transaction = attach
        purger = volume_purger(evolve(services.adapters, storage=storage))
        await purger.purge_due()
        if not outcomes:
            await attach()

        is_kept = await services.volume_files.exists(media)
        assert ("attached" in outcomes) is is_kept
        assert is_kept is any(volume.is_attached for volume in await stored(services))
        assert ("refused" in outcomes) is (transactions_before > 0)

    async def test_concurrent_purges_are_harmless(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        await services.volume_files.create(media)
        await services.volumes.detach(ann, media.id)
        services.clock.advance(A_WEEK)

        async with create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(collect, services)

        assert [] == list(await stored(services))
