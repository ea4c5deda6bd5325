"""Repositories and servers that were made to harm whoever fetches from them."""

import time
from datetime import timedelta
from pathlib import Path, PurePosixPath

import pytest
from anyio import to_thread

from pushpaka_core.adapters.git.commands import find_git
from pushpaka_core.adapters.git.failures import unknown_branch
from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.source import SourceRequest
from pushpaka_core.testing.repositories import Repository


@pytest.mark.anyio
async def test_directories_without_end_are_not_checked_out(
    processes: HostProcesses, data: Path
) -> None:
    """What no tool could remove again is refused before it is on the disk."""
    repository = await to_thread.run_sync(Repository.make, data / "repository")
    await to_thread.run_sync(_nest, repository)
    git = await to_thread.run_sync(find_git)
    policy = SourcePolicy(local_repo_root=PurePosixPath(data))
    source = GitSource(processes=processes, policy=policy, binary=git)
    request = SourceRequest(
        repo_url=str(repository.path), branch="main", commit_sha=None, git_token=None
    )

    with pytest.raises(SourceError, match="its directories are nested more than 200 deep"):
        await source.fetch(
            request, data / "checkout", timeout=timedelta(seconds=20), report=_ignore
        )

    assert not (data / "checkout").exists()


def test_a_branch_is_missed_quickly_among_any_number() -> None:
    """A server that names a hundred thousand branches holds nobody up."""
    branches = [f"feature/one-of-very-many-{number:06}" for number in range(100_000)]
    began = time.monotonic()

    error = unknown_branch("feature/one-of-very-many-x", branches)

    assert "and 99995 more" in str(error)
    assert time.monotonic() - began < 0.5


def _nest(repository: Repository) -> None:
    path = "d/" * 250 + "x"
    stream = f"""commit refs/heads/main
committer Ada <ada@example.org> 0 +0000
data 3
one
M 100644 inline {path}
data 1
x
"""
    repository.git("fast-import", "--quiet", stdin=stream.encode())


async def _ignore(_: str) -> None:
    """Take what nobody wants to know."""
