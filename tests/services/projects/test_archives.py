"""Uploading, deploying and removing archives, stored as files or in the database."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import pytest
from attrs import evolve
from tests.platform_fixtures import OPTIONS, WEB_APP, Platform, open_platform

from pushpaka_core.adapters.memory.workspaces import MemoryArchiveFiles
from pushpaka_core.container.application import Application, assemble
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.deployments.deployments import Deployment, NewDeployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.domain.projects.archives import CHUNK_SIZE, Archive
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import (
    ArchiveQuotaError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from pushpaka_core.services.projects.archives import ReceivedArchive
from pushpaka_core.testing.objects.projects import an_archive
from pushpaka_core.testing.unpacker import chunks_of, tar_archive

pytestmark = pytest.mark.anyio

S = DeploymentStatus
DAY = timedelta(days=1).total_seconds()
QUOTA_BYTES = 8 * CHUNK_SIZE
"""The number of bytes that a user's archives may have in total."""


NODE = Node(runtime="memory", name="local", data_directory_id="h1")


@pytest.fixture(params=["database", "files"])
async def platform(request: pytest.FixtureRequest) -> AsyncIterator[Platform]:
    """Yield a platform that stores archives in the database, or else as files."""
    node = NODE if request.param == "files" else OPTIONS.node
    quotas = Quotas(archive_bytes=QUOTA_BYTES)
    async with open_platform(options=evolve(OPTIONS, node=node, quotas=quotas)) as platform:
        await platform.worker_services.worker_registry.claim_node()
        yield platform


@pytest.fixture
async def folder(platform: Platform) -> Project:
    """Return a project without a Git repository."""
    return await platform.project("folder", repo_url="archive:")


async def upload(
    platform: Platform,
    project: Project,
    content: bytes,
    *,
    chunks: AsyncIterator[bytes] | None = None,
    announced_size: int | None = None,
) -> ReceivedArchive:
    """Upload *content*, or *chunks* under the hash of *content*, and announce a size."""
    return await platform.application.archives.receive(
        platform.owner,
        project.id,
        hashlib.sha256(content).hexdigest(),
        chunks or chunks_of(content, CHUNK_SIZE),
        max_size=len(content) if announced_size is None else announced_size,
    )


async def upload_app(platform: Platform, project: Project, **files: str) -> Archive:
    """Upload a web application with the additional *files*."""
    return (await upload(platform, project, tar_archive(WEB_APP | files))).archive


def api_on_another_machine(platform: Platform) -> Application:
    """Return the application of an API process that has no access to this machine's files."""
    node = evolve(NODE, data_directory_id="h2")
    adapters = evolve(platform.adapters, archive_files=MemoryArchiveFiles())
    return assemble(adapters, evolve(OPTIONS, node=node))


async def upload_and_deploy(platform: Platform, project: Project, **files: str) -> Deployment:
    """Upload a web application with the additional *files*, and deploy it."""
    archive = await upload_app(platform, project, **files)
    await platform.enqueue(project, archive=archive.sha256)
    return await platform.work()


async def stored_hashes(platform: Platform, project: Project) -> list[str]:
    """Return the hashes of the stored archives of *project*."""
    async with platform.storage.snapshot() as uow:
        return [archive.sha256 for archive in await uow.archives.of_project(project)]


async def stored_content(platform: Platform, archive: Archive) -> bytes:
    """Return the stored content of an archive. If it is in the database, check the chunk sizes."""
    if archive.data_directory_id is not None:
        return b"".join([piece async for piece in platform.archive_files.read(archive)])
    async with platform.storage.snapshot() as uow:
        pieces = [await uow.archives.chunk(archive, number) or b"" for number in range(4)]
    assert {CHUNK_SIZE} == {len(piece) for piece in pieces[:2]}
    return b"".join(pieces)


def content_of_size(mebibytes: int, fill_byte: int = 0) -> bytes:
    """Return content of *mebibytes* MiB, whose hash depends on *fill_byte*."""
    return bytes([fill_byte]) * (mebibytes * CHUNK_SIZE)


async def test_an_archive_is_built_and_deployed(platform: Platform, folder: Project) -> None:
    running = await upload_and_deploy(platform, folder, **{"a.txt": "12345"})

    assert (S.RUNNING, None, "Ann") == (running.status, running.commit_sha, running.commit_author)
    assert "Local folder, 2 files (18 B)" == running.commit_message
    assert "Unpacked 2 files (18 B)" in await platform.messages(running.id)
    assert await platform.is_cleaned_up()


async def test_an_archive_deployment_can_be_rolled_back_to(
    platform: Platform, folder: Project
) -> None:
    first = await upload_and_deploy(platform, folder, **{"a.txt": "one"})
    second = await upload_and_deploy(platform, folder, **{"a.txt": "two"})
    deployments = platform.application.deployments

    await deployments.redeploy(platform.owner, second.id)
    redeployed = await platform.work()
    await deployments.rollback(platform.owner, first.id)
    rolled_back = await platform.work()

    assert (S.RUNNING, second.release_id) == (redeployed.status, redeployed.release_id)
    assert (S.RUNNING, first.release_id) == (rolled_back.status, rolled_back.release_id)
    assert first.commit_message == rolled_back.commit_message


async def test_an_archive_survives_a_lost_worker(platform: Platform, folder: Project) -> None:
    archive = await upload_app(platform, folder)
    await platform.enqueue(folder, archive=archive.sha256)
    lease = await platform.claim()
    await platform.worker_services.pipeline.requeue_after_failure(lease, "The worker died.")
    platform.clock.advance(2 * DAY)
    await platform.worker_services.garbage_collector.data.remove_unused_archives()

    running = await platform.work()

    assert (S.RUNNING, 2) == (running.status, running.attempts)


async def test_a_damaged_archive_fails_its_deployment(platform: Platform, folder: Project) -> None:
    received = await upload(platform, folder, b"no archive")
    await platform.enqueue(folder, archive=received.archive.sha256)

    failed = await platform.work()

    assert (S.FAILED, "The archive cannot be unpacked.") == (failed.status, failed.error)


async def test_a_large_archive_is_stored_in_chunks(platform: Platform, folder: Project) -> None:
    content = bytes(range(256)) * (CHUNK_SIZE // 100)

    received = await upload(platform, folder, content, chunks=chunks_of(content, 100_000))

    assert len(content) == received.archive.size
    assert content == await stored_content(platform, received.archive)


async def test_concurrent_uploads_of_the_same_archive_store_one(
    platform: Platform, folder: Project
) -> None:
    content = tar_archive(WEB_APP)

    async def upload_slowly() -> AsyncIterator[bytes]:
        yield content[:10]
        await upload(platform, folder, content)
        yield content[10:]

    second = await upload(platform, folder, content, chunks=upload_slowly())

    assert not second.is_new
    assert [second.archive.sha256] == await stored_hashes(platform, folder)


async def test_an_archive_is_kept_for_a_day_or_with_its_release(
    platform: Platform, folder: Project
) -> None:
    running = await upload_and_deploy(platform, folder, **{"a.txt": "one"})
    unused = await upload_app(platform, folder, **{"a.txt": "two"})
    platform.clock.advance(DAY - 1)
    await platform.worker_services.garbage_collector.collect()
    before = await stored_hashes(platform, folder)

    platform.clock.advance(2)
    await platform.worker_services.garbage_collector.collect()

    assert [running.archive, unused.sha256] == before
    assert [running.archive] == await stored_hashes(platform, folder)


async def test_an_interrupted_upload_is_removed_after_an_hour(
    platform: Platform, folder: Project
) -> None:
    async with platform.storage.transaction() as uow:
        await uow.archives.add(an_archive(folder, created_at=platform.clock(), size=5))
    platform.clock.advance(3599)
    await platform.worker_services.garbage_collector.data.remove_unused_archives()
    before = await stored_hashes(platform, folder)

    platform.clock.advance(2)
    await platform.worker_services.garbage_collector.data.remove_unused_archives()

    assert (1, 0) == (len(before), len(await stored_hashes(platform, folder)))


async def test_archives_of_a_user_have_a_quota_of_bytes(
    platform: Platform, folder: Project
) -> None:
    other = await platform.project("other", repo_url="archive:")
    first = await upload(platform, folder, content_of_size(3))
    platform.clock.advance(1)
    second = await upload(platform, folder, content_of_size(4))
    platform.clock.advance(1)

    third = await upload(platform, other, content_of_size(2))

    hashes = [each.archive.sha256 for each in (first, second, third)]
    assert (hashes[1:2], hashes[2:]) == (
        await stored_hashes(platform, folder),
        await stored_hashes(platform, other),
    )
    assert first.archive.id not in set(await platform.archive_files.ids())


async def test_archives_in_use_are_not_removed_to_make_room(
    platform: Platform, folder: Project
) -> None:
    waiting = await upload(platform, folder, content_of_size(7))
    await platform.enqueue(folder, archive=waiting.archive.sha256)

    with pytest.raises(ArchiveQuotaError, match="their total limit of 8,388,608 bytes"):
        await upload(platform, folder, content_of_size(2))

    assert [waiting.archive.sha256] == await stored_hashes(platform, folder)


async def test_announced_bytes_count_against_the_quota(platform: Platform, folder: Project) -> None:
    content = content_of_size(5)

    async def fill_disk_meanwhile() -> AsyncIterator[bytes]:
        yield content[:10]
        with pytest.raises(ArchiveQuotaError):
            await upload(platform, folder, content_of_size(5, fill_byte=1))
        yield content[10:]

    await upload(platform, folder, content, chunks=fill_disk_meanwhile())

    assert 1 == len(await stored_hashes(platform, folder))


async def test_a_body_longer_than_announced_is_rejected(
    platform: Platform, folder: Project
) -> None:
    with pytest.raises(InvalidInputError, match="must not be longer"):
        await upload(platform, folder, content_of_size(2), announced_size=CHUNK_SIZE)

    assert [] == await stored_hashes(platform, folder)
    assert set() == set(await platform.archive_files.ids())


async def test_an_upload_that_would_fill_the_disk_is_rejected(
    platform: Platform, folder: Project
) -> None:
    platform.host.disk = OPTIONS.min_free_capacity.disk + CHUNK_SIZE

    async def unread_chunks() -> AsyncIterator[bytes]:
        yield b""
        raise AssertionError("it is not read")

    with pytest.raises(
        UnavailableError, match=r"not have enough disk space.*PUSHPAKA_MIN_FREE_DISK"
    ):
        await upload(platform, folder, content_of_size(2), chunks=unread_chunks())

    assert [] == await stored_hashes(platform, folder)


async def test_an_upload_stops_when_the_disk_fills_up(platform: Platform, folder: Project) -> None:
    async def fill_disk_meanwhile() -> AsyncIterator[bytes]:
        yield content_of_size(1)
        platform.host.disk = OPTIONS.min_free_capacity.disk
        yield content_of_size(1)

    with pytest.raises(UnavailableError, match="not have enough disk space"):
        await upload(platform, folder, content_of_size(2), chunks=fill_disk_meanwhile())

    assert [] == await stored_hashes(platform, folder)
    assert set() == set(await platform.archive_files.ids())


@pytest.mark.parametrize("platform", ["files"], indirect=True)
class TestFiles:
    async def test_the_content_is_not_in_the_database(
        self, platform: Platform, folder: Project
    ) -> None:
        archive = await upload_app(platform, folder)

        async with platform.storage.snapshot() as uow:
            assert await uow.archives.chunk(archive, 0) is None
        assert ("h1", {archive.id}) == (
            archive.data_directory_id,
            set(await platform.archive_files.ids()),
        )

    async def test_an_archive_without_its_file_is_uploaded_again(
        self, platform: Platform, folder: Project
    ) -> None:
        archive = await upload_app(platform, folder)
        await platform.enqueue(folder, archive=archive.sha256)
        await platform.archive_files.remove(archive.id)
        failed = await platform.work()
        with pytest.raises(NotFoundError):
            await platform.application.archives.get(platform.owner, folder.id, archive.sha256)

        again = await upload_app(platform, folder)

        assert "The archive is no longer available. Deploy the folder again." == failed.error
        assert archive.id != again.id
        assert [archive.sha256] == await stored_hashes(platform, folder)

    async def test_an_archive_in_the_database_can_still_be_deployed(
        self, platform: Platform, folder: Project
    ) -> None:
        other_machine = evolve(platform, application=api_on_another_machine(platform))
        archive = await upload_app(other_machine, folder)
        await platform.enqueue(folder, archive=archive.sha256)

        running = await platform.work()

        assert (S.RUNNING, None) == (running.status, archive.data_directory_id)
        assert set() == set(await platform.archive_files.ids())

    async def test_an_api_on_another_machine_knows_that_a_file_exists(
        self, platform: Platform, folder: Project
    ) -> None:
        archive = await upload_app(platform, folder)
        api = api_on_another_machine(platform)

        assert archive == await api.archives.get(platform.owner, folder.id, archive.sha256)

    async def test_a_file_without_a_row_is_removed(
        self, platform: Platform, folder: Project
    ) -> None:
        archive, orphan = await upload_app(platform, folder), an_archive(folder)
        await platform.archive_files.write(orphan, chunks_of(b"orphan"))

        await platform.worker_services.garbage_collector.data.remove_unused_archives()

        assert {archive.id} == set(await platform.archive_files.ids())


async def test_archives_are_removed_with_their_project(platform: Platform, folder: Project) -> None:
    await upload_app(platform, folder)
    await platform.application.projects.delete(platform.owner, folder.id)

    with pytest.raises(NotFoundError):
        await upload_app(platform, folder, **{"a.txt": "late"})
    await platform.worker_services.garbage_collector.collect()
    await platform.worker_services.garbage_collector.data.remove_unused_archives()

    assert [] == await stored_hashes(platform, folder)
    assert set() == set(await platform.archive_files.ids())


async def test_an_idempotency_key_covers_the_archive(platform: Platform, folder: Project) -> None:
    one, other = (
        await upload_app(platform, folder),
        await upload_app(platform, folder, **{"a.txt": "two"}),
    )
    deployments = platform.application.deployments
    new = NewDeployment(project_id=folder.id, archive=one.sha256)
    deploy = partial(deployments.deploy, platform.owner, idempotency_key="k")
    first, again = [await deploy(new) for _ in range(2)]

    with pytest.raises(ConflictError):
        await deploy(evolve(new, archive=other.sha256))

    assert first == again
