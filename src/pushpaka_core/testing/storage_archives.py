"""What every storage must do with archives, as tests."""

import pytest
from attrs import evolve

from pushpaka_core.domain.archives import Archive, ArchiveChunk
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import DuplicateError, NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import (
    a_deployment,
    a_project,
    a_release,
    a_user,
    an_archive,
    later,
)


class ArchivesContract:
    """The promises of the port `Archives`."""

    async def test_an_archive_is_read_as_it_was_written(self, storage: Storage) -> None:
        """Piece by piece, with any bytes, until there is no more."""
        project = await keep_project(storage)
        mine, other = an_archive(project), an_archive(project)
        await keep(storage, mine, other)
        await _append(storage, mine, b"\x00\xff", b"two")
        await _append(storage, other, b"another")

        async with storage.snapshot() as uow:
            read = [await uow.archives.chunk(mine, number) for number in range(3)]

        assert [b"\x00\xff", b"two", None] == read

    async def test_what_still_arrives_is_not_found(self, storage: Storage) -> None:
        """It is seen among the project's, and found by its hash once it is complete."""
        project = await keep_project(storage)
        archive = an_archive(project)
        await keep(storage, archive)
        before = await _found(storage, project, archive)

        complete = await _complete(storage, archive)

        assert before is None
        assert complete == await _found(storage, project, archive)
        async with storage.snapshot() as uow:
            assert [complete] == list(await uow.archives.of_project(project))

    async def test_a_project_finds_its_own_archives_only(self, storage: Storage) -> None:
        """The same hash may be another project's as well."""
        mine, other = await keep_project(storage), await keep_project(storage)
        archive = an_archive(mine)
        same = an_archive(other, sha256=archive.sha256)
        await keep(storage, archive, same)

        complete = await _complete(storage, archive)

        assert complete == await _found(storage, mine, archive)
        assert await _found(storage, other, archive) is None

    async def test_the_same_archive_is_complete_once(self, storage: Storage) -> None:
        """Of two that arrive at the same time the second is refused."""
        project = await keep_project(storage)
        first = an_archive(project)
        second = an_archive(project, sha256=first.sha256)
        await keep(storage, first, second)
        await _complete(storage, first)

        with pytest.raises(DuplicateError):
            await _complete(storage, second)

    async def test_a_removed_archive_is_gone_with_its_pieces(self, storage: Storage) -> None:
        """To remove it again is harmless, and nothing more can be added to it."""
        project = await keep_project(storage)
        archive = an_archive(project)
        await keep(storage, archive)
        await _append(storage, archive, b"one")

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.archives.remove(archive)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.archives.of_project(project))
            assert await uow.archives.chunk(archive, 0) is None
        with pytest.raises(NotFoundError):
            await _append(storage, archive, b"two")

    async def test_archives_go_with_their_project(self, storage: Storage) -> None:
        """With all of their pieces; one for a project that is gone is refused."""
        project = await keep_project(storage)
        archive = an_archive(project)
        await keep(storage, archive)
        await _append(storage, archive, b"one")

        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        async with storage.snapshot() as uow:
            assert await uow.archives.chunk(archive, 0) is None
        with pytest.raises(NotFoundError):
            await keep(storage, an_archive(a_project(a_user())))

    async def test_needed_is_what_work_or_a_kept_release_is_made_of(self, storage: Storage) -> None:
        """What was begun later is not asked about; the rest is told, the oldest first."""
        project = await keep_project(storage)
        waiting, served, retired, failed, sent, recent, half = [
            an_archive(project, created_at=later(n)) for n in (1, 2, 3, 4, 5, 100, 6)
        ]
        await keep(storage, waiting, served, retired, failed, sent, recent, half)
        for archive in (waiting, served, retired, failed, sent, recent):
            await _complete(storage, archive)
        await keep(storage, a_deployment(project, archive=waiting.sha256))
        await _keep_release(storage, project, served.sha256)
        await _keep_release(storage, project, retired.sha256, removed_at=later(50))
        over = {"status": DeploymentStatus.FAILED, "finished_at": later(50)}
        await keep(storage, a_deployment(project, archive=failed.sha256, **over))

        async with storage.snapshot() as uow:
            unneeded = await uow.archives.unneeded(later(100))

        assert [a.id for a in (retired, failed, sent, half)] == [a.id for a in unneeded]


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
    """Keep a deployment that was made of an archive and is over, with its release."""
    over = {"status": DeploymentStatus.STOPPED, "finished_at": later(50)}
    deployment = a_deployment(project, archive=sha256, **over)
    release = a_release(deployment, **of_release)
    await keep(storage, evolve(deployment, release_id=release.id), release)
