"""Archives on their way: into a deployment as any other, and away when nothing needs them."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.services.platform import WEB_APP, Platform

from pushpaka_core.domain.archives import CHUNK_BYTES, Archive
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import Deployment, NewDeployment
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import ConflictError, NotFoundError
from pushpaka_core.testing.unpacker import in_pieces, packed

pytestmark = pytest.mark.anyio

S = DeploymentStatus
DAY = timedelta(days=1).total_seconds()


@pytest.fixture
async def folder(platform: Platform) -> Project:
    """A project without Git."""
    return await platform.project("folder", repo_url="archive:")


async def sent(platform: Platform, project: Project, **files: str) -> Archive:
    """Send a web application with *files*."""
    content = packed(WEB_APP | files)
    sha256 = hashlib.sha256(content).hexdigest()
    body = in_pieces(content)
    received = await platform.application.archives.receive(platform.owner, project.id, sha256, body)
    return received.archive


async def served(platform: Platform, project: Project, **files: str) -> Deployment:
    """Send a web application and deploy it."""
    archive = await sent(platform, project, **files)
    await platform.queued(project, archive=archive.sha256)
    return await platform.work()


async def kept(platform: Platform, project: Project) -> list[str]:
    """Return the hashes of the archives that are there."""
    async with platform.storage.snapshot() as uow:
        return [archive.sha256 for archive in await uow.archives.of_project(project)]


async def test_an_archive_is_built_and_served(platform: Platform, folder: Project) -> None:
    """The deployment has no commit, and tells what it is made of and by whom."""
    running = await served(platform, folder, **{"a.txt": "12345"})

    assert (S.RUNNING, None, "Ann") == (
        running.status,
        running.commit_sha,
        running.commit_author,
    )
    assert "Local folder, 2 files (18 B)" == running.commit_message
    assert "Unpacked 2 files (18 B)" in await platform.said(running.id)
    assert await platform.is_tidy()


async def test_what_served_is_served_again(platform: Platform, folder: Project) -> None:
    """By a rollback and a redeploy, without an archive."""
    first = await served(platform, folder, **{"a.txt": "one"})
    second = await served(platform, folder, **{"a.txt": "two"})
    deployments = platform.application.deployments

    await deployments.redeploy(platform.owner, second.id)
    redeployed = await platform.work()
    await deployments.rollback(platform.owner, first.id)
    rolled_back = await platform.work()

    assert (S.RUNNING, second.release_id) == (redeployed.status, redeployed.release_id)
    assert (S.RUNNING, first.release_id) == (rolled_back.status, rolled_back.release_id)
    assert first.commit_message == rolled_back.commit_message


async def test_a_preview_is_made_of_an_archive(platform: Platform, folder: Project) -> None:
    """And promoted as any other."""
    archive = await sent(platform, folder)
    await platform.queued(folder, archive=archive.sha256, target="preview:try")
    preview = await platform.work()

    await platform.application.deployments.promote(platform.owner, preview.id)
    promoted = await platform.work()

    assert ("preview:try", "production") == (preview.target, promoted.target)
    assert preview.release_id == promoted.release_id


async def test_a_lost_worker_costs_no_archive(platform: Platform, folder: Project) -> None:
    """Whoever takes the deployment up finds it as well."""
    archive = await sent(platform, folder)
    await platform.queued(folder, archive=archive.sha256)
    lease = await platform.claimed()
    await platform.engine.pipeline.take_back(lease, "The worker died.")
    platform.clock.tick(2 * DAY)
    await platform.engine.sweeping.forget_archives()

    running = await platform.work()

    assert (S.RUNNING, 2) == (running.status, running.attempts)


async def test_a_damaged_archive_fails_its_deployment(platform: Platform, folder: Project) -> None:
    """With a sentence that says so, and no second try."""
    content = b"no archive"
    sha256 = hashlib.sha256(content).hexdigest()
    await platform.application.archives.receive(
        platform.owner, folder.id, sha256, in_pieces(content)
    )
    await platform.queued(folder, archive=sha256)

    failed = await platform.work()

    assert (S.FAILED, "The archive cannot be unpacked.") == (failed.status, failed.error)


async def test_a_large_archive_comes_in_pieces(platform: Platform, folder: Project) -> None:
    """It is kept in pieces of one size, however it arrives, and comes out whole."""
    content = bytes(range(256)) * (CHUNK_BYTES // 100)
    sha256 = hashlib.sha256(content).hexdigest()

    received = await platform.application.archives.receive(
        platform.owner, folder.id, sha256, in_pieces(content, 100_000)
    )

    async with platform.storage.snapshot() as uow:
        pieces = [await uow.archives.chunk(received.archive, number) for number in range(4)]
    assert [CHUNK_BYTES, CHUNK_BYTES, len(content) - 2 * CHUNK_BYTES] == [
        len(piece) for piece in pieces if piece is not None
    ]
    assert content == b"".join(piece or b"" for piece in pieces)


async def test_of_two_that_send_the_same_one_is_kept(platform: Platform, folder: Project) -> None:
    """Whoever is second is told of the first."""
    content = packed(WEB_APP)
    sha256 = hashlib.sha256(content).hexdigest()
    archives = platform.application.archives

    async def slowly() -> AsyncIterator[bytes]:
        yield content[:10]
        await archives.receive(platform.owner, folder.id, sha256, in_pieces(content))
        yield content[10:]

    second = await archives.receive(platform.owner, folder.id, sha256, slowly())

    assert not second.is_new
    assert [sha256] == await kept(platform, folder)


async def test_an_archive_stays_for_a_day_or_as_long_as_its_release(
    platform: Platform, folder: Project
) -> None:
    """What was sent in vain goes, and so does what no release is left of."""
    running = await served(platform, folder, **{"a.txt": "one"})
    unused = await sent(platform, folder, **{"a.txt": "two"})
    platform.clock.tick(DAY - 1)
    await platform.engine.sweeping.sweep()
    before = await kept(platform, folder)

    platform.clock.tick(2)
    await platform.engine.sweeping.sweep()

    assert [running.archive, unused.sha256] == before
    assert [running.archive] == await kept(platform, folder)


async def test_archives_go_with_their_project(platform: Platform, folder: Project) -> None:
    """And nothing more is taken for it."""
    await sent(platform, folder)
    await platform.application.projects.delete(platform.owner, folder.id)

    with pytest.raises(NotFoundError):
        await sent(platform, folder, **{"a.txt": "late"})
    await platform.engine.sweeping.sweep()

    assert [] == await kept(platform, folder)


async def test_an_idempotency_key_stands_for_the_archive_too(
    platform: Platform, folder: Project
) -> None:
    """The same archive gives the same deployment, another one is another request."""
    one, other = await sent(platform, folder), await sent(platform, folder, **{"a.txt": "two"})
    deployments = platform.application.deployments
    first, again = [
        await deployments.deploy(
            platform.owner,
            NewDeployment(project_id=folder.id, archive=one.sha256),
            idempotency_key="k",
        )
        for _ in range(2)
    ]

    with pytest.raises(ConflictError):
        await deployments.deploy(
            platform.owner,
            NewDeployment(project_id=folder.id, archive=other.sha256),
            idempotency_key="k",
        )

    assert first == again
