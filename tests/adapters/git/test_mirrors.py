"""Tests that mirrors of repositories shorten later fetches."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from uuid import UUID

import anyio
import pytest
from anyio import create_task_group, fail_after, to_thread
from attrs import evolve, frozen

from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.sources import SourceLimits, SourcePolicy
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.processes import ProcessManager
from pushpaka_core.ports.source import Checkout, SourceRequest
from pushpaka_core.testing.git_server import TOKEN, GitServer
from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]

PROJECT = ProjectId(UUID(int=7))
REFETCH_MESSAGE = "The mirror of the repository is damaged. Fetching the whole repository."


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    return tmp_path / "mirrors"


@pytest.fixture
def source(process_manager: ProcessManager, policy: SourcePolicy, mirrors: Path) -> GitSource:
    return GitSource(
        process_manager=process_manager,
        policy=policy,
        limits=SourceLimits(files=100, total_bytes=1 << 20),
        mirrors_directory=mirrors,
    )


@frozen
class MirrorSetup:
    """A repository, its server and its mirror."""

    repository: Repository
    git_server: GitServer
    mirrors: Path
    path: Path

    @property
    def request(self) -> SourceRequest:
        """Return a request for the repository."""
        return SourceRequest(repo_url=self.git_server.url, branch="main", project_id=PROJECT)

    @property
    def objects(self) -> Path:
        """Return the directory of the mirror."""
        return self.mirrors / str(PROJECT) / "objects.git"

    def packs(self) -> list[int]:
        """Return the sizes of the packs in the mirror, in ascending order."""
        return sorted(path.stat().st_size for path in self.mirrors.rglob("*.pack"))


@pytest.fixture
def mirror_setup(
    repository: Repository, git_server: GitServer, mirrors: Path, tmp_path: Path
) -> MirrorSetup:
    return MirrorSetup(repository, git_server, mirrors, tmp_path)


async def fetch(
    source: GitSource, request: SourceRequest, directory: Path, messages: list[str] | None = None
) -> Checkout:
    async def report(sentence: str) -> None:
        if messages is not None:
            messages.append(sentence)

    return await source.fetch(request, directory, timeout=timedelta(seconds=30), on_progress=report)


async def test_only_new_objects_are_transferred(
    source: GitSource, mirror_setup: MirrorSetup
) -> None:
    """If one small file has changed, the second fetch transfers only that file."""
    mirror_setup.repository.commit("one", {"large": token_hex(200_000), "small": "1"})
    await fetch(source, mirror_setup.request, mirror_setup.path / "one")
    mirror_setup.repository.commit("two", {"small": "2"})

    await fetch(source, mirror_setup.request, mirror_setup.path / "two")

    assert "2" == (mirror_setup.path / "two/small").read_text()
    assert (mirror_setup.path / "one/large").read_bytes() == (
        mirror_setup.path / "two/large"
    ).read_bytes()
    small, large = mirror_setup.packs()
    assert small < large / 100


async def test_older_commits_and_other_branches_are_fetched(
    source: GitSource, mirror_setup: MirrorSetup
) -> None:
    """A mirror does not limit which commits can be fetched."""
    first = mirror_setup.repository.commit("one", {"a": "1"})
    mirror_setup.repository.commit("two", {"a": "2"})
    mirror_setup.repository.git("checkout", "--quiet", "-b", "other")
    mirror_setup.repository.commit("three", {"a": "3"})
    await fetch(source, mirror_setup.request, mirror_setup.path / "newest")

    requests = [
        evolve(mirror_setup.request, commit_sha=first[:9]),
        evolve(mirror_setup.request, branch="other"),
    ]
    for number, each in enumerate(requests):
        await fetch(source, each, mirror_setup.path / str(number))

    assert ["1", "3"] == [(mirror_setup.path / name / "a").read_text() for name in "01"]


async def test_rewritten_history_is_fetched(source: GitSource, mirror_setup: MirrorSetup) -> None:
    """After a forced push, the old commits are no longer on the branch."""
    lost = mirror_setup.repository.commit("one", {"a": "1", "b": "1"})
    await fetch(source, mirror_setup.request, mirror_setup.path / "one")
    mirror_setup.repository.git("checkout", "--quiet", "--orphan", "new")
    mirror_setup.repository.git("rm", "--quiet", "-rf", ".")
    mirror_setup.repository.commit("two", {"a": "2"})
    mirror_setup.repository.git("branch", "--quiet", "--force", "--move", "new", "main")

    await fetch(source, mirror_setup.request, mirror_setup.path / "two")
    with pytest.raises(SourceError, match="was not found on the branch main"):
        await fetch(
            source,
            evolve(mirror_setup.request, commit_sha=lost[:12]),
            mirror_setup.path / "lost",
        )

    assert ["a"] == [path.name for path in (mirror_setup.path / "two").iterdir()]


@pytest.mark.parametrize(
    ("damage", "is_reported"),
    [
        (lambda objects: _pack_file(objects).unlink(), False),
        (lambda objects: _overwrite(_pack_file(objects)), False),
        (lambda objects: (objects / "config").write_text("[core"), True),
        (lambda objects: (objects / "shallow.lock").touch(), True),
    ],
    ids=["no-pack", "pack", "config", "lock"],
)
async def test_damaged_mirror_is_fetched_again(
    source: GitSource,
    mirror_setup: MirrorSetup,
    damage: Callable[[Path], object],
    *,
    is_reported: bool,
) -> None:
    """The repository is fetched completely. The log says so, unless git repairs the mirror."""
    mirror_setup.repository.commit("one", {"a": "1"})
    await fetch(source, mirror_setup.request, mirror_setup.path / "one")
    mirror_setup.repository.commit("two", {"b": "2"})
    damage(mirror_setup.objects)
    messages: list[str] = []

    await fetch(source, mirror_setup.request, mirror_setup.path / "two", messages)

    assert is_reported == (REFETCH_MESSAGE in messages)
    assert ["1", "2"] == [(mirror_setup.path / "two" / name).read_text() for name in "ab"]


async def test_interrupted_mirror_is_discarded(
    source: GitSource, mirror_setup: MirrorSetup
) -> None:
    """The fetch after an interrupted one starts with a new mirror."""
    mirror_setup.repository.commit("one", {"a": "1"})
    await fetch(source, mirror_setup.request, mirror_setup.path / "one")
    mirror_setup.git_server.hangs = True
    asked = len(mirror_setup.git_server.requests)

    async with create_task_group() as tasks:
        tasks.start_soon(fetch, source, mirror_setup.request, mirror_setup.path / "stopped")
        with fail_after(60):
            while len(mirror_setup.git_server.requests) == asked:
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    mirror_setup.git_server.hangs = False
    (mirror_setup.objects / "left-behind").touch()
    await fetch(source, mirror_setup.request, mirror_setup.path / "two")

    assert not (mirror_setup.objects / "left-behind").exists()
    assert (mirror_setup.path / "two/a").exists()


async def test_two_fetches_of_one_project_do_not_wait_for_each_other(
    source: GitSource, mirror_setup: MirrorSetup
) -> None:
    """While one fetch uses the mirror, the other fetches without a mirror."""
    mirror_setup.repository.commit("one", {"a": "1"})
    mirror_setup.git_server.hangs = True

    async with create_task_group() as tasks:
        tasks.start_soon(fetch, source, mirror_setup.request, mirror_setup.path / "one")
        with fail_after(60):
            while not mirror_setup.git_server.requests:
                await anyio.lowlevel.checkpoint()
        local = evolve(mirror_setup.request, repo_url=str(mirror_setup.repository.path))
        await fetch(source, local, mirror_setup.path / "two")
        tasks.cancel_scope.cancel()

    assert (mirror_setup.path / "two/a").exists()


async def test_changed_url_gets_a_new_mirror(source: GitSource, mirror_setup: MirrorSetup) -> None:
    """Commits of the earlier repository can no longer be fetched."""
    mirror_setup.repository.commit("one", {"a": "1"})
    await fetch(source, mirror_setup.request, mirror_setup.path / "one")
    other = await to_thread.run_sync(
        Repository.create, mirror_setup.repository.path.parent / "other"
    )
    await to_thread.run_sync(other.commit, "other", {"b": "1"})
    sha = mirror_setup.repository.git("rev-parse", "HEAD")

    moved = evolve(mirror_setup.request, repo_url=str(other.path), commit_sha=sha)
    with pytest.raises(SourceError, match="was not found"):
        await fetch(source, moved, mirror_setup.path / "two")


async def test_failed_fetch_does_not_determine_the_hash_algorithm(
    source: GitSource, mirror_setup: MirrorSetup
) -> None:
    """A mirror that was created by a fetch without a token can still use SHA-256."""
    path = mirror_setup.repository.path.parent / "long"
    path.mkdir()
    repository = Repository(path)
    await to_thread.run_sync(_begin_with_long_hashes, repository)
    mirror_setup.git_server.requires_token = True
    first = evolve(
        mirror_setup.request,
        repo_url=mirror_setup.git_server.url.replace("shop", "long"),
    )
    with pytest.raises(SourceError):
        await fetch(source, first, mirror_setup.path / "one")

    sha = repository.git("rev-parse", "HEAD")
    pushed = evolve(first, git_token=TOKEN, commit_sha=sha)
    checkout = await fetch(source, pushed, mirror_setup.path / "two")

    assert 64 == len(sha)
    assert sha == checkout.commit_sha


def _begin_with_long_hashes(repository: Repository) -> None:
    repository.git("init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    repository.commit("one", {"a": "1"})


async def test_mirror_is_private_and_removed_with_its_project(
    source: GitSource, mirror_setup: MirrorSetup
) -> None:
    """Only the platform's user can access the mirror. Removing a missing mirror does nothing."""
    mirror_setup.repository.commit("one", {"a": "1"})
    await fetch(source, mirror_setup.request, mirror_setup.path / "one")
    mode = (mirror_setup.mirrors / str(PROJECT)).stat().st_mode & 0o777

    await source.remove_cache(PROJECT)
    await source.remove_cache(PROJECT)

    assert 0o700 == mode
    assert not (mirror_setup.mirrors / str(PROJECT)).exists()


async def test_mirror_does_not_contain_the_git_token(
    source: GitSource, mirror_setup: MirrorSetup
) -> None:
    """Fetching with a revoked token fails although there is a mirror."""
    mirror_setup.repository.commit("one", {"a": "1"})
    mirror_setup.git_server.requires_token = True
    await fetch(
        source,
        evolve(mirror_setup.request, git_token=TOKEN),
        mirror_setup.path / "one",
    )

    with pytest.raises(SourceError, match="rejected the Git token"):
        await fetch(
            source,
            evolve(mirror_setup.request, git_token="revoked"),
            mirror_setup.path / "two",
        )

    contents = await to_thread.run_sync(_contents, mirror_setup.mirrors)
    assert contents
    assert not any(TOKEN.encode() in content for content in contents)


async def test_files_do_not_share_inodes_with_the_mirror(
    source: GitSource, mirror_setup: MirrorSetup
) -> None:
    """A build cannot change the files of the next one."""
    mirror_setup.repository.commit("one", {"a": "1"})

    await fetch(source, mirror_setup.request, mirror_setup.path / "one")

    assert 1 == (mirror_setup.path / "one/a").stat().st_nlink
    assert ["a"] == [path.name for path in (mirror_setup.path / "one").iterdir()]
    assert not (mirror_setup.objects / "index").exists()


def _contents(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in directory.rglob("*") if path.is_file()]


def _pack_file(objects: Path) -> Path:
    (pack,) = objects.glob("objects/pack/*.pack")
    return pack


def _overwrite(pack: Path) -> None:
    pack.chmod(0o600)
    pack.write_bytes(b"\0" * pack.stat().st_size)
