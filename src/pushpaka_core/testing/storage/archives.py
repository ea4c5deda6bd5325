"""Contract tests of uploaded archives."""

import pytest
from attrs import evolve

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.projects.archives import Archive, ArchiveChunk
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import DuplicateError, NotFoundError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_release
from pushpaka_core.testing.objects.projects import a_project, an_archive
from pushpaka_core.testing.objects.values import later
from pushpaka_core.testing.stored_objects import store, store_project


class ArchivesContract:
    """Contract tests of the `Archives` port."""

    async def test_an_archive_is_read_as_it_was_written(self, storage: Storage) -> None:
        """Chunks are returned unchanged, followed by None."""
        project = await store_project(storage)
        mine, other = an_archive(project), an_archive(project)
        await store(storage, mine, other)
        await _append(storage, mine, b"\x00\xff", b"two")
        await _append(storage, other, b"another")

        async with storage.snapshot() as uow:
            read = [await uow.archives.chunk(mine, number) for number in range(3)]

        assert [b"\x00\xff", b"two", None] == read

    async def test_an_incomplete_archive_is_not_found(self, storage: Storage) -> None:
        """An incomplete archive is listed for its project, but not found by its hash."""
        project = await store_project(storage)
        archive = an_archive(project)
        await store(storage, archive)
        before = await _found(storage, project, archive)

        complete = await _complete(storage, archive)

        assert before is None
        assert complete == await _found(storage, project, archive)
        async with storage.snapshot() as uow:
            assert [complete] == list(await uow.archives.of_project(project))

    async def test_only_archives_of_the_project_are_found(self, storage: Storage) -> None:
        """Projects may have archives with the same hash."""
        mine, other = await store_project(storage), await store_project(storage)
        archive = an_archive(mine)
        same = an_archive(other, sha256=archive.sha256)
        await store(storage, archive, same)

        complete = await _complete(storage, archive)

        assert complete == await _found(storage, mine, archive)
        assert await _found(storage, other, archive) is None

    async def test_only_one_archive_with_the_same_hash_can_be_complete(
        self, storage: Storage
    ) -> None:
        """Completing a second archive with the same hash raises DuplicateError."""
        project = await store_project(storage)
        first = an_archive(project)
        second = an_archive(project, sha256=first.sha256)
        await store(storage, first, second)
        await _complete(storage, first)

        with pytest.raises(DuplicateError):
            await _complete(storage, second)

    async def test_a_removed_archive_is_gone_with_its_pieces(self, storage: Storage) -> None:
        """
        Removing an archive again has no effect, and appending to a removed archive raises
        NotFoundError.
        """
        project = await store_project(storage)
        archive = an_archive(project)
        await store(storage, archive)
        await _append(storage, archive, b"one")

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.archives.remove(archive)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.archives.of_project(project))
            assert await uow.archives.chunk(archive, 0) is None
        with pytest.raises(NotFoundError):
            await _append(storage, archive, b"two")

    async def test_archives_are_removed_with_their_project(self, storage: Storage) -> None:
        """Archives are deleted with their chunks, and rejected if their project does not exist."""
        project = await store_project(storage)
        archive = an_archive(project)
        await store(storage, archive)
        await _append(storage, archive, b"one")

        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        async with storage.snapshot() as uow:
            assert await uow.archives.chunk(archive, 0) is None
        with pytest.raises(NotFoundError):
            await store(storage, an_archive(a_project(a_user())))

    async def test_archives_of_pending_deployments_and_kept_releases_are_needed(
        self, storage: Storage
    ) -> None:
        """Unneeded and interrupted archives are listed oldest first, except for recent ones."""
        project = await store_project(storage)
        waiting, served, retired, failed, sent, recent, half = [
            an_archive(project, created_at=later(n)) for n in (1, 2, 3, 4, 5, 100, 6)
        ]
        await store(storage, waiting, served, retired, failed, sent, recent, half)
        for archive in (waiting, served, retired, failed, sent, recent):
            await _complete(storage, archive)
        await store(storage, a_deployment(project, archive=waiting.sha256))
        await _keep_release(storage, project, served.sha256)
        await _keep_release(storage, project, retired.sha256, removed_at=later(50))
        over = {"status": DeploymentStatus.FAILED, "finished_at": later(50)}
        await store(storage, a_deployment(project, archive=failed.sha256, **over))

        async with storage.snapshot() as uow:
            unneeded = await uow.archives.list_removable(later(100), incomplete_before=later(7))
            arriving = await uow.archives.list_removable(later(0), incomplete_before=later(6))
            known = await uow.archives.ids()

        assert [a.id for a in (retired, failed, sent, half)] == [a.id for a in unneeded]
        assert [] == list(arriving)
        assert {a.id for a in (waiting, served, retired, failed, sent, recent, half)} == {*known}

    async def test_archives_without_a_pending_deployment_are_removable(
        self, storage: Storage
    ) -> None:
        """
        The archives of one user in all projects are listed oldest first.

        Archives of pending deployments are excluded, but those of kept releases are not.
        """
        mine, other = await store_project(storage), await store_project(storage)
        waiting, served, half, arriving = [an_archive(mine, created_at=later(n)) for n in range(4)]
        sent = an_archive(other, created_at=later(4), user_id=mine.user_id)
        foreign = an_archive(other)
        await store(storage, waiting, served, sent, arriving, half, foreign)
        for archive in (waiting, served, sent, foreign):
            await _complete(storage, archive)
        await store(storage, a_deployment(mine, archive=waiting.sha256))
        await store(storage, a_deployment(other, archive=served.sha256))
        await _keep_release(storage, mine, served.sha256)

        async with storage.snapshot() as uow:
            spare = await uow.archives.list_removable_of_user(mine.user_id, later(3))

        assert [served.id, half.id, sent.id] == [a.id for a in spare]

    async def test_archive_stores_the_location_of_its_file(self, storage: Storage) -> None:
        """Completing an archive keeps its data directory id."""
        project = await store_project(storage)
        archive = an_archive(project, data_directory_id="h1")
        await store(storage, archive)

        await _complete(storage, archive)

        found = await _found(storage, project, archive)
        assert found is not None
        assert "h1" == found.data_directory_id


async def _append(storage: Storage, archive: Archive, *contents: bytes) -> None:
    async with storage.transaction() as uow:
        for number, content in enumerate(contents):
            await uow.archives.append(
                ArchiveChunk(archive_id=archive.id, number=number, content=content)
            )


async def _complete(storage: Storage, archive: Archive) -> Archive:
    complete = evolve(archive, size=7, completed_at=later(60))
    async with storage.transaction() as uow:
        await uow.archives.complete(complete)
    return complete


async def _found(storage: Storage, project: Project, archive: Archive) -> Archive | None:
    async with storage.snapshot() as uow:
        return await uow.archives.find(project, archive.sha256)


async def _keep_release(
    storage: Storage, project: Project, sha256: str, **of_release: object
) -> None:
    """Store a stopped deployment of an archive, with its release."""
    over = {"status": DeploymentStatus.STOPPED, "finished_at": later(50)}
    deployment = a_deployment(project, archive=sha256, **over)
    release = a_release(deployment, **of_release)
    await store(storage, evolve(deployment, release_id=release.id), release)
