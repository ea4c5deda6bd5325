"""A commit is taken from the repository itself, and not from whatever its forge keeps with it."""

from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve, frozen

from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.source import Checkout, SourceRequest
from pushpaka_core.testing.forges import Forge
from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio


@frozen
class Scene:
    """A repository with two commits, to which a fork has proposed a third."""

    repository: Repository
    request: SourceRequest
    old: str
    proposed: str


BY_HASH = ["path", "http"]
"""Servers that give out a commit by its hash."""


@pytest.fixture(params=[*BY_HASH, "old http"])
def scene(request: pytest.FixtureRequest, repository: Repository, forge: Forge) -> Scene:
    old = repository.commit("one", {"a": "1"})
    repository.commit("two", {"a": "2"})
    repository.git("checkout", "--quiet", "-b", "proposed")
    proposed = repository.commit("three", {"a": "3"})
    repository.git("update-ref", "refs/pull/7/head", proposed)
    repository.git("checkout", "--quiet", "main")
    repository.git("branch", "--quiet", "-D", "proposed")
    repository.git("config", "uploadpack.allowFilter", "true")
    forge.is_old = request.param == "old http"
    url = str(repository.path) if request.param == "path" else forge.url
    return Scene(repository, SourceRequest(repo_url=url, branch="main"), old, proposed)


async def taken(source: GitSource, request: SourceRequest, directory: Path) -> Checkout:
    return await source.fetch(request, directory, timeout=timedelta(seconds=30), report=_ignore)


async def test_a_commit_that_no_branch_has_is_refused(
    source: GitSource, scene: Scene, tmp_path: Path
) -> None:
    """A forge gives out the commits of forks by their hashes, as if they were the repository's."""
    wanted = evolve(scene.request, commit_sha=scene.proposed)

    with pytest.raises(SourceError, match=f"commit {scene.proposed} was not found on the branch"):
        await taken(source, wanted, tmp_path / "out")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("scene", BY_HASH, indirect=True)
async def test_what_a_fork_proposes_is_taken_where_it_may_be(
    source: GitSource, scene: Scene, tmp_path: Path
) -> None:
    """A webhook that deploys what forks propose names commits that are on no branch."""
    wanted = evolve(scene.request, commit_sha=scene.proposed, is_proposed=True)

    checkout = await taken(source, wanted, tmp_path / "out")

    assert (scene.proposed, "3") == (checkout.commit_sha, (tmp_path / "out/a").read_text())


@pytest.mark.parametrize("scene", BY_HASH, indirect=True)
async def test_a_commit_of_another_branch_or_of_a_tag_is_taken(
    source: GitSource, scene: Scene, tmp_path: Path
) -> None:
    """Whoever gives a whole hash means that commit, as long as the repository itself has it."""
    scene.repository.git("checkout", "--quiet", "-b", "other")
    of_branch = scene.repository.commit("other", {"a": "4"})
    scene.repository.commit("newer", {"a": "5"})
    scene.repository.git("checkout", "--quiet", "--detach", "main")
    of_tag = scene.repository.commit("tagged", {"a": "6"})
    scene.repository.git("tag", "-m", "v1", "v1")

    for commit, content in ((of_branch, "4"), (of_tag, "6"), (scene.old, "1")):
        await taken(source, evolve(scene.request, commit_sha=commit), tmp_path / content)
        assert content == (tmp_path / content / "a").read_text()


async def _ignore(_: str) -> None:
    """Take what nobody wants to know."""
