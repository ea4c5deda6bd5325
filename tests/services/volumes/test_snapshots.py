"""Taking, restoring and deleting snapshots of volumes."""

import gzip
from collections.abc import AsyncIterable, AsyncIterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from attrs import define, evolve, field
from tests.service_fixtures import Services
from tests.services.volumes.test_volumes import add_viewer, create, fill

from pushpaka_core.adapters.memory.volumes import MemorySnapshotFiles, MemoryVolumeFiles
from pushpaka_core.container.volumes import snapshot_taker, volume_purger, volume_restorer
from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectTransfer
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.ids import SnapshotFileId
from pushpaka_core.domain.integrations.notifications import NewNotificationChannel
from pushpaka_core.domain.platform.failpoints import RESTORE_FAILPOINTS, SNAPSHOT_FAILPOINTS
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.snapshots import Snapshot, SnapshotRestore, SnapshotStatus
from pushpaka_core.domain.volumes.volumes import (
    RETENTION,
    Volume,
    VolumeAttachment,
    VolumeChanges,
    VolumePurge,
)
from pushpaka_core.errors import (
    ConflictError,
    DuplicateError,
    LeaseLostError,
    NotAllowedError,
    NotFoundError,
    QuotaReachedError,
    RuntimeUnavailableError,
)
from pushpaka_core.services.volumes.snapshot_taker import MAX_ATTEMPTS
from pushpaka_core.testing.objects.values import later
from pushpaka_core.testing.objects.volumes import a_snapshot
from pushpaka_core.testing.stored_objects import store
from pushpaka_core.testing.volumes.archives import entry, tar_of, unpacked

pytestmark = pytest.mark.anyio

A_DAY = 24 * 3600


@pytest.fixture
async def shop(services: Services, ann: Actor) -> Project:
    return await services.project(ann, "shop")


@pytest.fixture
async def media(services: Services, ann: Actor, shop: Project) -> Volume:
    """Return a volume with one file."""
    volume = await create(services, ann, shop)
    await fill(services, volume, b"one")
    return await set_node(services, volume)


async def set_node(services: Services, volume: Volume) -> Volume:
    used = evolve(volume, node="local")
    async with services.storage.transaction() as uow:
        await uow.volumes.update(used)
    return used


async def work(services: Services) -> None:
    """Run the steps of the reconciler that concern snapshots."""
    taker = snapshot_taker(services.adapters, services.options)
    await taker.request_due()
    await taker.take_due()
    await taker.remove_expired()
    await volume_restorer(services.adapters, services.options).restore_due()


async def take(services: Services, actor: Actor, volume: Volume) -> Snapshot:
    requested = await services.snapshots.take(actor, volume.id)
    await work(services)
    return await services.snapshots.get(actor, requested.id)


async def restore(
    services: Services, actor: Actor, snapshot: Snapshot, into: str = "copy"
) -> Volume:
    restored = await services.snapshots.restore(actor, snapshot.id, SnapshotRestore(into=into))
    assert not restored.is_attached
    await work(services)
    return await services.volumes.get(actor, restored.id)


def file_of(snapshot: Snapshot) -> SnapshotFileId:
    assert snapshot.file_id is not None
    return snapshot.file_id


async def contents(services: Services, volume: Volume) -> dict[str, bytes]:
    found = await unpacked(services.volume_files.read(volume))
    return {name: content for name, (_, content) in found.items() if content}


def with_quota(services: Services, volume_bytes: int) -> Services:
    """Return the services of the same instance with another quota on stored bytes."""
    quotas = Quotas(volume_bytes=volume_bytes)
    return evolve(
        services,
        options=evolve(services.options, quotas=quotas),
        snapshots=evolve(services.snapshots, quotas=quotas),
        members=evolve(services.members, quotas=quotas),
    )


async def send_notifications(services: Services) -> None:
    lease = services.worker_services.held_lease
    await lease.acquire("worker", expected=await lease.read())
    await services.worker_services.outbox_sender.send_due()


class TestSnapshots:
    async def test_snapshot_is_a_compressed_archive(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        taken = await take(services, ann, media)

        stored = services.snapshot_files.files[file_of(taken)]
        assert (SnapshotStatus.AVAILABLE, 1, len(stored)) == (
            taken.status,
            taken.files,
            taken.size_bytes,
        )
        assert b"one" in gzip.decompress(stored)
        assert [taken] == list(await services.snapshots.all(ann, media.id))
        assert [taken] == list(await services.snapshots.all(ann))
        assert ("snapshot.created", "media") == (await services.audit_trail(ann))[0]

    async def test_only_the_owner_manages_snapshots(
        self, services: Services, ann: Actor, bob: Actor, media: Volume
    ) -> None:
        taken = await take(services, ann, media)
        read_only = evolve(ann, scope=Scope.READ)

        with pytest.raises(NotAllowedError):
            await services.snapshots.take(read_only, media.id)
        for call in (
            services.snapshots.take(bob, media.id),
            services.snapshots.all(bob, media.id),
            services.snapshots.get(bob, taken.id),
            services.snapshots.delete(bob, taken.id),
            services.snapshots.restore(bob, taken.id, SnapshotRestore(into="copy")),
        ):
            with pytest.raises(NotFoundError):
                await call

    async def test_snapshot_needs_files_and_takes_turns(
        self, services: Services, ann: Actor, shop: Project, media: Volume
    ) -> None:
        empty = await create(services, ann, shop, name="empty", mount_path="empty")
        with pytest.raises(ConflictError, match="has no files yet"):
            await services.snapshots.take(ann, empty.id)
        await services.snapshots.take(ann, media.id)
        with pytest.raises(ConflictError, match="is being taken"):
            await services.snapshots.take(ann, media.id)

    async def test_waiting_ends_with_the_snapshot_or_the_timeout(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        requested = await services.snapshots.take(ann, media.id)
        assert requested == await services.snapshots.wait(ann, requested.id, timedelta(seconds=30))
        await work(services)

        done = await services.snapshots.wait(ann, requested.id, timedelta(seconds=30))

        assert done.is_available

    async def test_deleted_snapshot_is_gone_and_the_volume_is_kept(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        taken = await take(services, ann, media)

        await services.snapshots.delete(ann, taken.id)

        assert [] == list(await services.snapshots.all(ann))
        assert {} == services.snapshot_files.files
        assert {"file": b"one"} == await contents(services, media)

    async def test_purge_deletes_snapshots(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        await take(services, ann, media)
        await services.volumes.detach(ann, media.id)

        await services.volumes.purge(ann, media.id, VolumePurge(name="media"))

        assert {} == services.snapshot_files.files
        assert [] == list(await services.snapshots.all(ann))

    async def test_snapshot_of_a_purged_volume_leaves_no_file(
        self, services: Services, media: Volume
    ) -> None:
        """The volume is purged while its files are copied."""
        snapshot = a_snapshot(media)
        await store(services.storage, snapshot)
        files: Any = PurgingFiles(services)

        adapters = evolve(services.adapters, volume_files=files)
        await snapshot_taker(adapters, services.options).take_due()
        await work(services)

        assert {} == services.snapshot_files.files


@define
class PurgingFiles:
    """Reads volumes, and deletes their rows meanwhile."""

    _services: Services

    async def read(self, volume: Volume, /, *, path: str = "") -> AsyncIterator[bytes]:
        async with self._services.storage.transaction() as uow:
            await uow.volumes.remove(volume)
        async for piece in self._services.volume_files.read(volume, path=path):
            yield piece


@define
class BusyFiles:
    """Reads volumes that an app writes to: each reading ends with a change, for a while."""

    _files: MemoryVolumeFiles
    _changes: int

    async def read(self, volume: Volume, /, *, path: str = "") -> AsyncIterator[bytes]:
        async for piece in self._files.read(volume, path=path):
            yield piece
        if self._changes:
            self._changes -= 1
            content = tar_of([entry("file", b"change %d" % self._changes)])
            await self._files.write(volume, pieces(content))


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


class TestConsistency:
    @pytest.mark.parametrize(("changes", "is_available"), [(4, True), (6, False)])
    async def test_snapshot_has_files_that_did_not_change(
        self, services: Services, ann: Actor, media: Volume, changes: int, is_available: bool
    ) -> None:
        requested = await services.snapshots.take(ann, media.id)
        files: Any = BusyFiles(services.volume_files, changes)
        adapters = evolve(services.adapters, volume_files=files)

        await snapshot_taker(adapters, services.options).take_due()

        await work(services)
        taken = await services.snapshots.get(ann, requested.id)
        assert is_available is taken.is_available
        if is_available:
            assert b"change 0" in gzip.decompress(services.snapshot_files.files[file_of(taken)])
        else:
            assert "during each of 3 copies. Stop the app" in (taken.error or "")
            assert {} == services.snapshot_files.files


@define
class DamagingFiles(MemorySnapshotFiles):
    """Stores snapshots with a fault of the disk."""

    damage: str = field(kw_only=True)

    async def write(self, id: SnapshotFileId, content: AsyncIterable[bytes], /) -> None:
        await super().write(id, content)
        stored = self.files[id]
        match self.damage:
            case "lost":
                del self.files[id]
            case "short":
                self.files[id] = stored[:-9]
            case "flipped":
                self.files[id] = stored[:40] + bytes([stored[40] ^ 1]) + stored[41:]
            case "longer":
                self.files[id] = stored + b"more"
            case "other":
                self.files[id] = gzip.compress(tar_of([entry("file", b"other")]))
            case "not tar":
                self.files[id] = gzip.compress(b"other")


@define
class Suspension:
    """Suspends a worker at a step: meanwhile another one takes the snapshot, and files change."""

    _services: Services
    _volume: Volume
    _step: str

    async def hit(self, step: str, /) -> None:
        if step == self._step:
            await snapshot_taker(self._services.adapters, self._services.options).take_due()
            await fill(self._services, self._volume, b"later")


class TestFaults:
    @pytest.mark.parametrize("damage", ["lost", "short", "flipped", "longer", "other", "not tar"])
    async def test_unreadable_snapshot_is_never_available(
        self, services: Services, ann: Actor, media: Volume, damage: str
    ) -> None:
        requested = await services.snapshots.take(ann, media.id)
        files = DamagingFiles(damage=damage)
        adapters = evolve(services.adapters, snapshot_files=files)

        await snapshot_taker(adapters, services.options).take_due()
        await snapshot_taker(adapters, services.options).remove_expired()

        failed = await services.snapshots.get(ann, requested.id)
        assert SnapshotStatus.FAILED is failed.status
        assert "is damaged" in (failed.error or "") or "is missing" in (failed.error or "")
        assert {} == files.files
        with pytest.raises(ConflictError, match='its status is "failed"'):
            await services.snapshots.restore(ann, failed.id, SnapshotRestore(into="copy"))

    @pytest.mark.parametrize("step", SNAPSHOT_FAILPOINTS)
    async def test_interrupted_snapshot_is_taken_again(
        self, services: Services, ann: Actor, media: Volume, step: str
    ) -> None:
        """It is not available before it was read back, at whichever step the worker dies."""
        requested = await services.snapshots.take(ann, media.id)
        services.failpoints.errors[step] = RuntimeError("killed")
        with pytest.raises(RuntimeError):
            await work(services)
        interrupted = await services.snapshots.get(ann, requested.id)
        del services.failpoints.errors[step]

        await work(services)

        taken = await services.snapshots.get(ann, requested.id)
        assert SnapshotStatus.RUNNING is interrupted.status
        assert (True, 2) == (taken.is_available, taken.fence)

    @pytest.mark.parametrize("step", SNAPSHOT_FAILPOINTS)
    async def test_repeated_interruptions_make_it_fail(
        self, services: Services, ann: Actor, media: Volume, step: str
    ) -> None:
        requested = await services.snapshots.take(ann, media.id)
        services.failpoints.errors[step] = RuntimeError("killed")
        for _ in range(MAX_ATTEMPTS):
            with pytest.raises(RuntimeError):
                await work(services)

        await work(services)

        failed = await services.snapshots.get(ann, requested.id)
        assert f"was interrupted {MAX_ATTEMPTS} times" in (failed.error or "")
        assert {} == services.snapshot_files.files

    @pytest.mark.parametrize("step", SNAPSHOT_FAILPOINTS)
    async def test_suspended_worker_changes_nothing(
        self, services: Services, ann: Actor, media: Volume, step: str
    ) -> None:
        """Another worker takes the snapshot, and the first one continues at any step."""
        requested = await services.snapshots.take(ann, media.id)
        failpoints = Suspension(services, media, step)
        adapters = evolve(services.adapters, failpoints=failpoints)

        with pytest.raises(LeaseLostError):
            await snapshot_taker(adapters, services.options).take_due()
        await work(services)

        taken = await services.snapshots.get(ann, requested.id)
        assert (True, 2) == (taken.is_available, taken.fence)
        stored = services.snapshot_files.files
        assert {file_of(taken): taken.sha256} == {
            id_: sha256(content).hexdigest() for id_, content in stored.items()
        }

    async def test_other_snapshots_are_not_affected(
        self, services: Services, ann: Actor, shop: Project, media: Volume
    ) -> None:
        lost = await set_node(
            services, await create(services, ann, shop, name="lost", mount_path="lost")
        )
        failing = await services.snapshots.take(ann, lost.id)
        taken = await take(services, ann, media)

        assert taken.is_available
        assert not (await services.snapshots.get(ann, failing.id)).is_available

    async def test_failures_are_notified(
        self, services: Services, ann: Actor, shop: Project, media: Volume
    ) -> None:
        url = "https://hooks.example.com/ann"
        await services.notifications.add(ann, NewNotificationChannel(project_id=shop.id, url=url))
        await services.volume_files.delete(media)

        await take(services, ann, media)
        await send_notifications(services)

        (sent,) = services.notification_client.requests
        assert b'"volume.snapshot_failed"' in sent.body
        assert b'"media"' in sent.body


@define
class SuspendedFiles:
    """Writes files for a worker that is suspended after the first piece, for a minute."""

    _services: Services
    written: int = field(default=0, init=False)
    """The number of pieces that were written."""

    async def create(self, volume: Volume, /) -> str:
        return await self._services.volume_files.create(volume)

    async def write(self, _volume: Volume, archive: AsyncIterator[bytes], /) -> None:
        async for _piece in archive:
            self.written += 1
            if self.written == 1:
                await work(self._services)
                self._services.clock.advance(60)


class TestRestore:
    async def test_restore_creates_a_detached_volume_beside_the_original(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """It can be attached in place of the original, which still has its own files."""
        taken = await take(services, ann, media)
        await fill(services, media, b"two")

        restored = await restore(services, ann, taken)

        assert (False, None, taken.id) == (
            restored.is_attached,
            restored.restoring_since,
            restored.restored_from,
        )
        assert ("media", "local") == (restored.mount_path, restored.node)
        assert {"file": b"one"} == await contents(services, restored)
        assert {"file": b"two"} == await contents(services, media)
        await services.volumes.detach(ann, media.id)
        back = VolumeAttachment()
        assert (await services.volumes.attach(ann, restored.id, back)).is_attached

    async def test_restored_volume_is_attached_if_its_path_is_free(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        taken = await take(services, ann, media)
        await services.volumes.detach(ann, media.id)

        restored = await restore(services, ann, taken, "media")

        assert restored.is_attached
        assert {"file": b"one"} == await contents(services, restored)

    async def test_incomplete_volume_is_neither_attached_nor_purged(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        taken = await take(services, ann, media)
        new = await services.snapshots.restore(ann, taken.id, SnapshotRestore(into="copy"))

        with pytest.raises(ConflictError, match="are being restored"):
            await services.volumes.attach(ann, new.id, VolumeAttachment())
        with pytest.raises(ConflictError, match="are being restored"):
            await services.volumes.purge(ann, new.id, VolumePurge(name="copy"))
        with pytest.raises(ConflictError, match="are being restored"):
            await services.snapshots.take(ann, new.id)
        with pytest.raises(ConflictError, match="is being restored from this snapshot"):
            await services.snapshots.delete(ann, taken.id)
        with pytest.raises(DuplicateError, match="volume name"):
            await services.snapshots.restore(ann, taken.id, SnapshotRestore(into="media"))

    async def test_damaged_snapshot_is_not_restored(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """The volume has a reason and can only be purged."""
        taken = await take(services, ann, media)
        services.snapshot_files.files[file_of(taken)] = gzip.compress(tar_of([entry("file", b"x")]))

        failed = await restore(services, ann, taken)

        assert "is damaged" in (failed.restore_error or "")
        with pytest.raises(ConflictError, match="could not be restored"):
            await services.volumes.attach(ann, failed.id, VolumeAttachment())
        await services.volumes.purge(ann, failed.id, VolumePurge(name="copy"))
        assert ("volume.purged", "copy") == (await services.audit_trail(ann))[0]

    async def test_snapshot_is_kept_until_its_restore_has_ended(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """The volume of the snapshot can neither be purged nor expire in the meantime."""
        taken = await take(services, ann, media)
        await services.volumes.detach(ann, media.id)
        copy = await services.snapshots.restore(ann, taken.id, SnapshotRestore(into="copy"))
        name = VolumePurge(name="media")

        with pytest.raises(ConflictError, match="is being restored from a snapshot of the volume"):
            await services.volumes.purge(ann, media.id, name)
        services.clock.advance(RETENTION.total_seconds())
        await volume_purger(services.adapters).purge_due()
        await work(services)
        await services.volumes.purge(ann, media.id, name)

        assert {"file": b"one"} == await contents(services, copy)
        assert [copy.id] == [one.id for one in await services.volumes.all(ann)]

    async def test_volume_that_is_being_deleted_is_not_restored(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        taken = await take(services, ann, media)
        await services.volumes.detach(ann, media.id)
        services.volume_files.is_unavailable = True
        with pytest.raises(RuntimeUnavailableError):
            await services.volumes.purge(ann, media.id, VolumePurge(name="media"))

        with pytest.raises(ConflictError, match="are being deleted"):
            await services.snapshots.restore(ann, taken.id, SnapshotRestore(into="copy"))

    async def test_interrupted_restore_is_repeated(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        taken = await take(services, ann, media)
        new = await services.snapshots.restore(ann, taken.id, SnapshotRestore(into="copy"))
        await fill(services, new, b"half")

        await work(services)

        assert {"file": b"one"} == await contents(services, new)

    @pytest.mark.parametrize("step", RESTORE_FAILPOINTS)
    async def test_restore_killed_at_any_step_is_repeated(
        self, services: Services, ann: Actor, media: Volume, step: str
    ) -> None:
        """The new volume cannot be used in the meantime, even if it already has all files."""
        taken = await take(services, ann, media)
        new = await services.snapshots.restore(ann, taken.id, SnapshotRestore(into="copy"))
        services.failpoints.errors[step] = RuntimeError("killed")
        with pytest.raises(RuntimeError):
            await work(services)
        interrupted = await services.volumes.get(ann, new.id)
        del services.failpoints.errors[step]

        await work(services)

        restored = await services.volumes.get(ann, new.id)
        assert (False, True) == (interrupted.is_attached, interrupted.restoring_since is not None)
        assert (None, None) == (restored.restoring_since, restored.restore_error)
        assert {"file": b"one"} == await contents(services, restored)

    async def test_suspended_worker_writes_no_more_than_one_piece(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """Another worker restores the volume, and the first one continues after its first piece."""
        await fill(services, media, bytes(4 * 2**20))  # Far fewer bytes after compression.
        taken = await take(services, ann, media)
        new = await services.snapshots.restore(ann, taken.id, SnapshotRestore(into="copy"))
        files: Any = SuspendedFiles(services)

        adapters = evolve(services.adapters, volume_files=files)
        with pytest.raises(LeaseLostError):
            await volume_restorer(adapters, services.options).restore_due()

        assert 1 == files.written
        assert (await services.volumes.get(ann, new.id)).restoring_since is None


class TestPolicy:
    async def test_snapshots_are_taken_and_deleted_by_policy(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """Those of users are kept."""
        by_hand = await take(services, ann, media)
        policy = VolumeChanges(snapshot_every=24, snapshot_keep=2)
        await services.volumes.change(ann, media.id, policy)
        await work(services)
        assert [by_hand] == list(await services.snapshots.all(ann))

        for _ in range(3):
            services.clock.advance(A_DAY)
            await work(services)
            await work(services)

        kept = await services.snapshots.all(ann)
        expected = [(True, later(3 * A_DAY)), (True, later(2 * A_DAY)), (False, later(0))]
        assert expected == [(one.is_automatic, one.created_at) for one in kept]
        assert {file_of(one) for one in kept} == services.snapshot_files.files.keys()

    async def test_failed_snapshot_is_kept_until_one_succeeds(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        await services.volumes.change(ann, media.id, VolumeChanges(snapshot_every=24))
        services.volume_files.is_unavailable = True
        services.clock.advance(A_DAY)
        await work(services)
        (failed,) = await services.snapshots.all(ann)
        services.volume_files.is_unavailable = False

        services.clock.advance(A_DAY)
        await work(services)

        (taken,) = await services.snapshots.all(ann)
        assert (SnapshotStatus.FAILED, True) == (failed.status, taken.is_available)

    @pytest.mark.parametrize("unused", ["detached", "preview", "without files"])
    async def test_unused_volumes_are_not_copied(
        self, services: Services, ann: Actor, media: Volume, unused: str
    ) -> None:
        await services.volumes.change(ann, media.id, VolumeChanges(snapshot_every=1))
        changed = {
            "detached": media.detach(now=later(0)),
            "preview": evolve(media, target="preview:topic"),
            "without files": evolve(media, node=None),
        }[unused]
        async with services.storage.transaction() as uow:
            await uow.volumes.update(evolve(changed, snapshot_every=1))
        services.clock.advance(A_DAY)

        await work(services)

        assert [] == list(await services.snapshots.all(ann))

    async def test_files_without_a_snapshot_are_deleted_later(self, services: Services) -> None:
        """The snapshot may be missing because an older database was restored."""
        await services.snapshot_files.write(SnapshotFileId(services.new_id()), pieces(b"x"))

        await work(services)
        services.clock.advance(7 * A_DAY - 1)
        await work(services)
        kept = len(services.snapshot_files.files)
        services.clock.advance(1)
        await work(services)

        assert (1, {}) == (kept, services.snapshot_files.files)


class TestQuota:
    async def test_snapshots_count_against_the_quota_of_the_owner(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """Deleting one makes room."""
        taken = await take(services, ann, media)
        assert taken.size_bytes is not None
        full = with_quota(services, taken.size_bytes)

        with pytest.raises(QuotaReachedError, match=r"Delete snapshots or files, or purge"):
            await full.snapshots.take(ann, media.id)
        with pytest.raises(QuotaReachedError):
            await full.snapshots.restore(ann, taken.id, SnapshotRestore(into="copy"))
        await full.snapshots.delete(ann, taken.id)

        assert (await take(full, ann, media)).is_available

    async def test_automatic_snapshot_fails_at_the_quota(
        self, services: Services, ann: Actor, shop: Project, media: Volume
    ) -> None:
        """The owner is notified once, and the earlier snapshot is kept."""
        url = "https://hooks.example.com/ann"
        await services.notifications.add(ann, NewNotificationChannel(project_id=shop.id, url=url))
        policy = VolumeChanges(snapshot_every=24, snapshot_keep=1)
        await services.volumes.change(ann, media.id, policy)
        taken = await take(services, ann, media)
        assert taken.size_bytes is not None
        full = with_quota(services, taken.size_bytes)
        services.clock.advance(A_DAY)

        for _ in range(2):
            await work(full)
        await send_notifications(services)

        failed, kept = await services.snapshots.all(ann)
        assert "Delete snapshots or files, or purge a volume" in (failed.error or "")
        assert (taken, [taken.file_id]) == (kept, list(services.snapshot_files.files))
        assert 1 == len(services.notification_client.requests)

    async def test_snapshots_count_against_the_quota_of_a_new_owner(
        self, services: Services, ann: Actor, bob: Actor, shop: Project, media: Volume
    ) -> None:
        await add_viewer(services, shop, bob)
        taken = await take(services, ann, media)
        assert taken.size_bytes is not None
        transfer = ProjectTransfer(owner_id=bob.require_user())

        with pytest.raises(ConflictError, match="the new owner's limit on the size of volumes and"):
            await with_quota(services, taken.size_bytes - 1).members.transfer(
                ann, shop.id, transfer
            )
        large = with_quota(services, taken.size_bytes)
        await large.members.transfer(ann, shop.id, transfer)

        with pytest.raises(QuotaReachedError):
            await large.snapshots.take(bob, media.id)
