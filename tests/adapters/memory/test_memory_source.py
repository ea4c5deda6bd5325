"""The memory source can be made to misbehave."""

from datetime import timedelta
from pathlib import Path

import pytest

from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.errors import PlatformFaultError, SourceError
from pushpaka_core.ports.source import SourceRequest

pytestmark = pytest.mark.anyio

URL = "https://example.org/shop"


async def fetch(source: MemorySource, directory: Path, token: str | None = None) -> None:
    async def report(_: str) -> None:
        pass

    request = SourceRequest(repo_url=URL, branch="main", git_token=token)
    await source.fetch(request, directory, timeout=timedelta(seconds=0.05), report=report)


@pytest.fixture
def source() -> MemorySource:
    return MemorySource(repositories={URL: {"main": [MemoryCommit(sha="a" * 40)]}})


async def test_failure_is_raised_while_it_is_set(source: MemorySource, tmp_path: Path) -> None:
    """A test decides when the source fails, and when it is well again."""
    source.failure = PlatformFaultError("The disk is full.")
    with pytest.raises(PlatformFaultError, match="The disk is full"):
        await fetch(source, tmp_path / "out")

    source.failure = None
    await fetch(source, tmp_path / "out")


async def test_hanging_fetch_ends_with_its_time(source: MemorySource, tmp_path: Path) -> None:
    """A source that hangs is left after the time limit."""
    source.is_hanging = True

    with pytest.raises(SourceError, match=r"did not arrive within 0\.05 seconds"):
        await fetch(source, tmp_path / "out")


async def test_private_repository_wants_its_token(source: MemorySource, tmp_path: Path) -> None:
    """A repository with a token opens to that token alone."""
    source.tokens[URL] = "right"

    for token in ("wrong", None):
        with pytest.raises(SourceError, match="git_token"):
            await fetch(source, tmp_path / "out", token)
    await fetch(source, tmp_path / "out", "right")
