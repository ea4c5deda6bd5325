"""Tests that commits of forks are not fetched as commits of the repository."""

from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve, frozen

from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.source import Checkout, SourceRequest
from pushpaka_core.testing.git_server import GitServer
from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]


@frozen
class ForkSetup:
    """A repository with two commits, and a pull request from a fork with a third commit."""

    repository: Repository
    request: SourceRequest
    old: str
    proposed: str


BY_HASH = ["path", "http"]
"""The kinds of servers that serve a commit by its hash."""


@pytest.fixture(params=[*BY_HASH, "old http"])
def fork_setup(
    request: pytest.FixtureRequest, repository: Repository, git_server: GitServer
) -> ForkSetup:
    old = repository.commit("one", {"a": "1"})
    repository.commit("two", {"a": "2"})
    repository.git("checkout", "--quiet", "-b", "proposed")
    proposed = repository.commit("three", {"a": "3"})
    repository.git("update-ref", "refs/pull/7/head", proposed)
    repository.git("checkout", "--quiet", "main")
    repository.git("branch", "--quiet", "-D", "proposed")
    repository.git("config", "uploadpack.allowFilter", "true")
    git_server.lacks_protocol_v2 = request.param == "old http"
    url = str(repository.path) if request.param == "path" else git_server.url
    return ForkSetup(repository, SourceRequest(repo_url=url, branch="main"), old, proposed)


async def fetch(source: GitSource, request: SourceRequest, directory: Path) -> Checkout:
    return await source.fetch(
        request, directory, timeout=timedelta(seconds=30), on_progress=_ignore
    )


async def test_commit_of_a_fork_is_rejected(
    source: GitSource, fork_setup: ForkSetup, tmp_path: Path
) -> None:
    """Git providers serve forks' commits by their hashes, so the commit has to be on the branch."""
    wanted = evolve(fork_setup.request, commit_sha=fork_setup.proposed)

    with pytest.raises(
        SourceError, match=f"commit {fork_setup.proposed} was not found on the branch"
    ):
        await fetch(source, wanted, tmp_path / "out")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("fork_setup", BY_HASH, indirect=True)
async def test_commit_of_a_fork_is_fetched_if_allowed(
    source: GitSource, fork_setup: ForkSetup, tmp_path: Path
) -> None:
    """Webhooks that deploy pull requests of forks need such commits."""
    wanted = evolve(fork_setup.request, commit_sha=fork_setup.proposed, is_from_fork=True)

    checkout = await fetch(source, wanted, tmp_path / "out")

    assert (fork_setup.proposed, "3") == (
        checkout.commit_sha,
        (tmp_path / "out/a").read_text(),
    )


@pytest.mark.parametrize("fork_setup", ["http"], indirect=True)
async def test_commit_of_another_branch_or_tag_is_fetched(
    source: GitSource, fork_setup: ForkSetup, tmp_path: Path
) -> None:
    """A full commit hash is enough. The commit does not have to be on the branch main."""
    fork_setup.repository.git("checkout", "--quiet", "-b", "other")
    of_branch = fork_setup.repository.commit("other", {"a": "4"})
    fork_setup.repository.commit("newer", {"a": "5"})
    fork_setup.repository.git("checkout", "--quiet", "--detach", "main")
    of_tag = fork_setup.repository.commit("tagged", {"a": "6"})
    fork_setup.repository.git("tag", "-m", "v1", "v1")

    for commit, content in ((of_branch, "4"), (of_tag, "6"), (fork_setup.old, "1")):
        await fetch(source, evolve(fork_setup.request, commit_sha=commit), tmp_path / content)
        assert content == (tmp_path / content / "a").read_text()


async def _ignore(_: str) -> None:
    """Ignore progress."""
