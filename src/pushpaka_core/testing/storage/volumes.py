"""Contract tests of volumes and their snapshots."""

import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.members import Member
from pushpaka_core.domain.ids import SnapshotFileId
from pushpaka_core.domain.volumes.servers import DatabaseKind, DatabaseServer
from pushpaka_core.domain.volumes.snapshots import SnapshotContent
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import DuplicateError, NotFoundError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_member, a_user
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON, a_secret, an_id, later
from pushpaka_core.testing.objects.volumes import a_snapshot, a_volume
from pushpaka_core.testing.stored_objects import store, store_project


class VolumesContract:
    """Contract tests of the `Volumes` port."""

    async def test_volumes_are_visible_to_members_of_the_project(self, storage: Storage) -> None:
        """Volumes of visible projects are listed newest first, and each can be read by its id."""
        ann, bob, eve = a_user(), a_user(), a_user()
        project, other = a_project(ann), a_project(ann)
        member: Member = a_member(project, bob)
        old, young = (a_volume(project, created_at=later(n)) for n in (1, 2))
        foreign = a_volume(other, created_at=later(3))
        await store(storage, ann, bob, eve, project, other, member, old, young, foreign)

        async with storage.snapshot() as uow:
            of_ann, of_bob, of_eve = (
                uow.volumes.visible_to(Actor.from_user(user)) for user in (ann, bob, eve)
            )
            assert [foreign, young, old] == list(await of_ann.all())
            assert [young, old] == list(await of_bob.all())
            assert [] == list(await of_eve.all()) == list(await of_eve.of_project(project.id))
            assert [young, old] == list(await of_ann.of_project(project.id))
            assert old == await of_bob.get(old.id)
            assert 3 == len(await uow.volumes.visible_to(PLATFORM).all())
            for volumes, hidden in (of_bob, foreign), (of_eve, old):
                with pytest.raises(NotFoundError, match="volume"):
                    await volumes.get(hidden.id)

    async def test_databases_keep_their_server_and_password(self, storage: Storage) -> None:
        """The server of a database and its encrypted password are stored with its volume."""
        ann = a_user()
        project = a_project(ann)
        server = DatabaseServer(
            kind=DatabaseKind.POSTGRES, version="17", env_name="DATABASE_URL", port=5433
        )
        database = a_volume(
            project, target="database:main", server=server, server_password=a_secret()
        )
        await store(storage, ann, project, database)

        async with storage.snapshot() as uow:
            assert database == await uow.volumes.visible_to(PLATFORM).get(database.id)

    async def test_volumes_outlive_their_project(self, storage: Storage) -> None:
        """Volumes of a deleted project have no project, and only the owner sees them."""
        ann, bob = a_user(), a_user()
        project = a_project(ann)
        volume = a_volume(project).detach(now=NOON)
        await store(storage, ann, bob, project, a_member(project, bob), volume)

        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        kept = evolve(volume, project_id=None)
        async with storage.snapshot() as uow:
            for actor in Actor.from_user(ann), PLATFORM:
                assert [kept] == list(await uow.volumes.visible_to(actor).all())
                assert kept == await uow.volumes.visible_to(actor).get(volume.id)
            assert [] == list(await uow.volumes.visible_to(Actor.from_user(bob)).all())

    async def test_restoring_volumes_are_listed(self, storage: Storage) -> None:
        """They are listed oldest first, also without a project."""
        project = await store_project(storage)
        young, old = (
            a_volume(project, created_at=later(hour), restoring_since=NOON) for hour in (2, 1)
        )
        await store(storage, young, old, a_volume(project))

        async with storage.transaction() as uow:
            await uow.volumes.update(evolve(young, project_id=None))

        async with storage.snapshot() as uow:
            expected = [old, evolve(young, project_id=None)]
            assert expected == list(await uow.volumes.restoring())

    async def test_names_of_attached_volumes_are_unique(self, storage: Storage) -> None:
        """Other targets, other projects and detached volumes can have the same name."""
        project, other = await store_project(storage), await store_project(storage)
        first = a_volume(project, name="media")
        second = a_volume(project)
        await store(
            storage,
            first,
            second,
            a_volume(other, name="media"),
            a_volume(project, name="media", target="preview:topic"),
            a_volume(project, name="media").detach(now=NOON),
        )

        with pytest.raises(DuplicateError, match="volume name"):
            await store(storage, a_volume(project, name="media"))
        with pytest.raises(DuplicateError, match="volume name"):
            await _update(storage, evolve(second, name="media"))
        await _update(storage, first.detach(now=NOON))
        await _update(storage, evolve(second, name="media"))

    async def test_a_removed_volume_is_gone(self, storage: Storage) -> None:
        """A removed volume cannot be updated, and removing it again has no effect."""
        project = await store_project(storage)
        volume, other = a_volume(project), a_volume(project)
        await store(storage, volume, other)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.volumes.remove(volume)

        with pytest.raises(NotFoundError, match="volume"):
            await _update(storage, volume)
        async with storage.snapshot() as uow:
            assert [other] == list(await uow.volumes.visible_to(PLATFORM).all())

    async def test_volumes_count_against_quotas(self, storage: Storage) -> None:
        """Detached volumes and snapshots count. Volumes without a measurement count as empty."""
        project = await store_project(storage)
        volumes = (
            a_volume(project, used_bytes=2**40),
            a_volume(project, used_bytes=7).detach(now=NOON),
            a_volume(project),
        )
        other = a_volume(await store_project(storage), used_bytes=1)
        snapshots = (
            a_snapshot(volumes[0], size_bytes=2**41),
            a_snapshot(volumes[1], size_bytes=30),
            a_snapshot(volumes[2]),
            a_snapshot(other, size_bytes=2),
        )
        await store(storage, *volumes, other, *snapshots)

        async with storage.transaction() as uow:
            usage = await uow.users.quota_usage(project.user_id)

        assert (3, 2**40 + 2**41 + 37) == (usage.volumes, usage.volume_bytes)


class SnapshotsContract:
    """Contract tests of the `Snapshots` port."""

    async def test_snapshots_are_visible_with_their_volume(self, storage: Storage) -> None:
        """
        Snapshots are listed newest first. If a volume has no project, only its owner sees its
        snapshots.
        """
        ann, bob, eve = a_user(), a_user(), a_user()
        project = a_project(ann)
        volume, other = a_volume(project), a_volume(project, project_id=None).detach(now=NOON)
        old, young = (a_snapshot(volume, created_at=later(n)) for n in (1, 2))
        foreign = a_snapshot(other, created_at=later(3))
        member: Member = a_member(project, bob)
        await store(storage, ann, bob, eve, project, member, volume, other, old, young, foreign)

        async with storage.snapshot() as uow:
            of_ann, of_bob, of_eve = (
                uow.snapshots.visible_to(Actor.from_user(user)) for user in (ann, bob, eve)
            )
            assert [foreign, young, old] == list(await of_ann.all())
            assert [young, old] == list(await of_bob.all())
            assert [young, old] == list(await of_bob.of_volume(volume.id))
            assert [] == list(await of_eve.all()) == list(await of_bob.of_volume(other.id))
            assert old == await of_bob.get(old.id)
            assert 3 == len(await uow.snapshots.visible_to(PLATFORM).all())
            for snapshots, hidden in (of_bob, foreign), (of_eve, old):
                with pytest.raises(NotFoundError, match="snapshot"):
                    await snapshots.get(hidden.id)

    async def test_unfinished_snapshots_are_listed(self, storage: Storage) -> None:
        """They are listed oldest first, without available and failed ones."""
        volume = a_volume(await store_project(storage))
        content = SnapshotContent(size_bytes=1, sha256="ab", files=1, content_bytes=1)
        pending, running, failed, done = (
            a_snapshot(volume, created_at=later(hour)) for hour in (4, 3, 2, 1)
        )
        running, done = (one.begin("node", SnapshotFileId(an_id())) for one in (running, done))
        done, failed = done.complete(content, now=NOON), failed.fail("", now=NOON)
        await store(storage, volume, pending, running, failed, done)

        async with storage.snapshot() as uow:
            assert [running, pending] == list(await uow.snapshots.unfinished())

    async def test_a_snapshot_is_updated_and_removed(self, storage: Storage) -> None:
        """All fields are stored. A removed snapshot cannot be updated."""
        project = await store_project(storage)
        volume = a_volume(project)
        snapshot = a_snapshot(volume, is_automatic=True)
        content = SnapshotContent(size_bytes=2**40, sha256="ab", files=3, content_bytes=2**41)
        begun = snapshot.begin("node", SnapshotFileId(an_id()))
        running = evolve(begun, bytes_done=2**40, bytes_total=2**42)
        done = running.complete(content, now=later(1))
        await store(storage, volume, snapshot)

        for stored in running, done:
            async with storage.transaction() as uow:
                await uow.snapshots.update(stored)
            async with storage.snapshot() as uow:
                assert stored == await uow.snapshots.visible_to(PLATFORM).get(snapshot.id)
        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.snapshots.remove(done)

        with pytest.raises(NotFoundError, match="snapshot"):
            async with storage.transaction() as uow:
                await uow.snapshots.update(done)

    async def test_snapshots_are_removed_with_their_volume(self, storage: Storage) -> None:
        """Snapshots of other volumes are kept."""
        project = await store_project(storage)
        volume, other = a_volume(project), a_volume(project)
        kept = a_snapshot(other)
        await store(storage, volume, other, a_snapshot(volume), kept)

        async with storage.transaction() as uow:
            await uow.volumes.remove(volume)

        async with storage.snapshot() as uow:
            assert [kept] == list(await uow.snapshots.visible_to(PLATFORM).all())


async def _update(storage: Storage, volume: Volume) -> None:
    async with storage.transaction() as uow:
        await uow.volumes.update(volume)
