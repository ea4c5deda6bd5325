"""What is kept of a repository makes the next fetch short, and harms none."""

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
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.source_limits import SourceLimits
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.processes import Processes
from pushpaka_core.ports.source import Checkout, SourceRequest
from pushpaka_core.testing.forges import TOKEN, Forge
from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

PROJECT = ProjectId(UUID(int=7))
ANEW = "What was kept of the repository is of no use. All of it is fetched anew."


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    return tmp_path / "mirrors"


@pytest.fixture
def source(processes: Processes, policy: SourcePolicy, mirrors: Path) -> GitSource:
    return GitSource(
        processes=processes,
        policy=policy,
        limits=SourceLimits(files=100, total_bytes=1 << 20),
        mirrors_directory=mirrors,
    )


@frozen
class Scene:
    """A repository, its server, and what is kept of it."""

    repository: Repository
    forge: Forge
    mirrors: Path
    path: Path
    """Where to put things."""

    @property
    def request(self) -> SourceRequest:
        """Return what the project asks for at first."""
        return SourceRequest(repo_url=self.forge.url, branch="main", project_id=PROJECT)

    @property
    def objects(self) -> Path:
        """Return the store of the project."""
        return self.mirrors / str(PROJECT) / "objects.git"

    def packs(self) -> list[int]:
        """Return the sizes of what was transferred, the smallest first."""
        return sorted(path.stat().st_size for path in self.mirrors.rglob("*.pack"))


@pytest.fixture
def scene(repository: Repository, forge: Forge, mirrors: Path, tmp_path: Path) -> Scene:
    return Scene(repository, forge, mirrors, tmp_path)


async def taken(
    source: GitSource, request: SourceRequest, directory: Path, said: list[str] | None = None
) -> Checkout:
    async def report(sentence: str) -> None:
        if said is not None:
            said.append(sentence)

    return await source.fetch(request, directory, timeout=timedelta(seconds=30), report=report)


async def test_only_what_is_new_is_transferred(source: GitSource, scene: Scene) -> None:
    """The second fetch brings the changed file, not the large one that is there already."""
    scene.repository.commit("one", {"large": token_hex(200_000), "small": "1"})
    await taken(source, scene.request, scene.path / "one")
    scene.repository.commit("two", {"small": "2"})

    await taken(source, scene.request, scene.path / "two")

    assert "2" == (scene.path / "two/small").read_text()
    assert (scene.path / "one/large").read_bytes() == (scene.path / "two/large").read_bytes()
    small, large = scene.packs()
    assert small < large / 100


async def test_older_commits_and_other_branches_are_still_found(
    source: GitSource, scene: Scene
) -> None:
    """What is kept limits nothing: any commit can be asked for, by its hash or its beginning."""
    first = scene.repository.commit("one", {"a": "1"})
    scene.repository.commit("two", {"a": "2"})
    scene.repository.git("checkout", "--quiet", "-b", "other")
    scene.repository.commit("three", {"a": "3"})
    await taken(source, scene.request, scene.path / "newest")

    requests = [
        evolve(scene.request, commit_sha=first),
        evolve(scene.request, commit_sha=first[:9]),
        evolve(scene.request, branch="other"),
    ]
    for number, each in enumerate(requests):
        await taken(source, each, scene.path / str(number))

    assert ["1", "1", "3"] == [(scene.path / name / "a").read_text() for name in "012"]


async def test_history_that_was_rewritten_is_followed(source: GitSource, scene: Scene) -> None:
    """After a forced push the branch is what it is now, and what was on it is on it no more."""
    lost = scene.repository.commit("one", {"a": "1", "b": "1"})
    await taken(source, scene.request, scene.path / "one")
    scene.repository.git("checkout", "--quiet", "--orphan", "new")
    scene.repository.git("rm", "--quiet", "-rf", ".")
    scene.repository.commit("two", {"a": "2"})
    scene.repository.git("branch", "--quiet", "--force", "--move", "new", "main")

    await taken(source, scene.request, scene.path / "two")
    with pytest.raises(SourceError, match="was not found on the branch main"):
        await taken(source, evolve(scene.request, commit_sha=lost[:12]), scene.path / "lost")

    assert ["a"] == [path.name for path in (scene.path / "two").iterdir()]


@pytest.mark.parametrize(
    ("damage", "is_told"),
    [
        (lambda objects: _pack(objects).unlink(), False),
        (lambda objects: _overwrite(_pack(objects)), False),
        (lambda objects: (objects / "config").write_text("[core"), True),
        (lambda objects: (objects / "shallow.lock").touch(), True),
    ],
    ids=["no-pack", "pack", "config", "lock"],
)
async def test_what_is_damaged_is_fetched_anew(
    source: GitSource, scene: Scene, damage: Callable[[Path], object], *, is_told: bool
) -> None:
    """A disk that lost something costs a longer fetch; what git cannot mend itself is told of."""
    scene.repository.commit("one", {"a": "1"})
    await taken(source, scene.request, scene.path / "one")
    scene.repository.commit("two", {"b": "2"})
    damage(scene.objects)
    said: list[str] = []

    await taken(source, scene.request, scene.path / "two", said)
    await taken(source, scene.request, scene.path / "three")

    assert is_told == (ANEW in said)
    assert ["1", "2"] == [(scene.path / "two" / name).read_text() for name in "ab"]


async def test_a_fetch_that_was_stopped_leaves_nothing_to_trust(
    source: GitSource, scene: Scene
) -> None:
    """After a fetch that did not come to its end the next one begins anew."""
    scene.repository.commit("one", {"a": "1"})
    await taken(source, scene.request, scene.path / "one")
    scene.forge.hangs = True
    asked = len(scene.forge.requests)

    async with create_task_group() as tasks:
        tasks.start_soon(taken, source, scene.request, scene.path / "stopped")
        with fail_after(10):
            while len(scene.forge.requests) == asked:
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    scene.forge.hangs = False
    (scene.objects / "left-behind").touch()
    await taken(source, scene.request, scene.path / "two")

    assert not (scene.objects / "left-behind").exists()
    assert (scene.path / "two/a").exists()


async def test_two_fetches_of_one_project_do_not_wait_for_each_other(
    source: GitSource, scene: Scene
) -> None:
    """While one has what is kept, the other does without."""
    scene.repository.commit("one", {"a": "1"})
    scene.forge.hangs = True

    async with create_task_group() as tasks:
        tasks.start_soon(taken, source, scene.request, scene.path / "one")
        with fail_after(10):
            while not scene.forge.requests:
                await anyio.lowlevel.checkpoint()
        local = evolve(scene.request, repo_url=str(scene.repository.path))
        await taken(source, local, scene.path / "two")
        tasks.cancel_scope.cancel()

    assert (scene.path / "two/a").exists()


async def test_another_address_begins_anew(source: GitSource, scene: Scene) -> None:
    """Commits of a repository that the project had before are not to be had any more."""
    scene.repository.commit("one", {"a": "1"})
    await taken(source, scene.request, scene.path / "one")
    other = await to_thread.run_sync(Repository.make, scene.repository.path.parent / "other")
    await to_thread.run_sync(other.commit, "other", {"b": "1"})
    sha = scene.repository.git("rev-parse", "HEAD")

    moved = evolve(scene.request, repo_url=str(other.path), commit_sha=sha)
    with pytest.raises(SourceError, match="was not found"):
        await taken(source, moved, scene.path / "two")


async def test_a_fetch_that_brought_nothing_decides_on_no_hashes(
    source: GitSource, scene: Scene
) -> None:
    """Once its token is mended, a push to a repository with long hashes is found."""
    path = scene.repository.path.parent / "long"
    path.mkdir()
    repository = Repository(path)
    await to_thread.run_sync(_begin_with_long_hashes, repository)
    scene.forge.wants_token = True
    first = evolve(scene.request, repo_url=scene.forge.url.replace("shop", "long"))
    with pytest.raises(SourceError):
        await taken(source, first, scene.path / "one")

    sha = repository.git("rev-parse", "HEAD")
    pushed = evolve(first, git_token=TOKEN, commit_sha=sha)
    checkout = await taken(source, pushed, scene.path / "two")

    assert 64 == len(sha)
    assert sha == checkout.commit_sha


def _begin_with_long_hashes(repository: Repository) -> None:
    repository.git("init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    repository.commit("one", {"a": "1"})


async def test_what_is_kept_is_private_and_goes_with_the_project(
    source: GitSource, scene: Scene
) -> None:
    """Nobody but the platform can read it, and nothing of it remains."""
    scene.repository.commit("one", {"a": "1"})
    await taken(source, scene.request, scene.path / "one")
    mode = (scene.mirrors / str(PROJECT)).stat().st_mode & 0o777

    await source.forget(PROJECT)
    await source.forget(PROJECT)

    assert 0o700 == mode
    assert not (scene.mirrors / str(PROJECT)).exists()


async def test_a_git_token_is_not_kept(source: GitSource, scene: Scene) -> None:
    """What is kept of a private repository opens nothing, and a revoked token opens it no more."""
    scene.repository.commit("one", {"a": "1"})
    scene.forge.wants_token = True
    await taken(source, evolve(scene.request, git_token=TOKEN), scene.path / "one")

    with pytest.raises(SourceError, match="refuses the git token"):
        await taken(source, evolve(scene.request, git_token="revoked"), scene.path / "two")

    contents = await to_thread.run_sync(_contents, scene.mirrors)
    assert contents
    assert not any(TOKEN.encode() in content for content in contents)


async def test_files_share_nothing_with_what_is_kept(source: GitSource, scene: Scene) -> None:
    """A build that writes into its files cannot harm the next one's."""
    scene.repository.commit("one", {"a": "1"})

    await taken(source, scene.request, scene.path / "one")

    assert 1 == (scene.path / "one/a").stat().st_nlink
    assert ["a"] == [path.name for path in (scene.path / "one").iterdir()]
    assert not (scene.objects / "index").exists()


def _contents(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in directory.rglob("*") if path.is_file()]


def _pack(objects: Path) -> Path:
    (pack,) = objects.glob("objects/pack/*.pack")
    return pack


def _overwrite(pack: Path) -> None:
    pack.chmod(0o600)
    pack.write_bytes(b"\0" * pack.stat().st_size)
