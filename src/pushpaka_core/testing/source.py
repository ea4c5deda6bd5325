"""
Contract tests for the `Source` port.

Derive a test class from `SourceContract` in a module with these fixtures:

- `source`: a source that may fetch from `repository`;
- `repository`: an empty repository that the source can reach.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

import pytest
from anyio import fail_after

from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.errors import PlatformFaultError, SourceError
from pushpaka_core.ports.source import Checkout, Source, SourceRequest

PROJECT = ProjectId(UUID(int=1))


class SourceRepository(Protocol):
    """A repository that tests commit to."""

    @property
    def url(self) -> str:
        """Return the URL of the repository for the source."""
        ...

    def commit(self, message: str, files: Mapping[str, str]) -> str:
        """Commit *files* to the branch main, and return the hash of the commit."""
        ...


class SourceContract:
    """Tests that every adapter of the `Source` port must pass."""

    async def test_newest_commit_is_fetched(
        self, source: Source, repository: SourceRepository, tmp_path: Path
    ) -> None:
        """The latest commit of the branch is the default."""
        repository.commit("one", {"a.txt": "1"})
        sha = repository.commit("two", {"a.txt": "2", "b/c.txt": "3"})

        checkout = await _fetch(source, repository.url, tmp_path / "out")

        assert (sha, "two") == (checkout.commit_sha, checkout.commit_message)
        assert checkout.commit_author
        assert {"a.txt": "2", "b/c.txt": "3"} == _files(tmp_path / "out")

    @pytest.mark.parametrize("digits", [7, 12, 40])
    async def test_older_commit_is_fetched(
        self, source: Source, repository: SourceRepository, tmp_path: Path, digits: int
    ) -> None:
        """A commit is found by its full or abbreviated hash."""
        sha = repository.commit("one", {"a.txt": "1"})
        repository.commit("two", {"a.txt": "2"})

        checkout = await _fetch(source, repository.url, tmp_path / "out", commit=sha[:digits])

        assert sha == checkout.commit_sha
        assert {"a.txt": "1"} == _files(tmp_path / "out")

    @pytest.mark.parametrize("commit", ["f" * 7, "f" * 40, "f" * 64, "HEAD~1", "--all"])
    async def test_unknown_commit_is_refused(
        self, source: Source, repository: SourceRepository, tmp_path: Path, commit: str
    ) -> None:
        """No other commit is fetched instead, and no directory is left."""
        repository.commit("one", {"a.txt": "1"})

        with pytest.raises(SourceError):
            await _fetch(source, repository.url, tmp_path / "out", commit=commit)
        assert not _exists(tmp_path / "out")

    async def test_unknown_branch_is_refused(
        self, source: Source, repository: SourceRepository, tmp_path: Path
    ) -> None:
        """The error lists the existing branches."""
        repository.commit("one", {"a.txt": "1"})

        with pytest.raises(SourceError, match=r"mian does not exist. Existing branches: main\."):
            await _fetch(source, repository.url, tmp_path / "out", branch="mian")
        assert not _exists(tmp_path / "out")

    async def test_unknown_repository_is_refused(
        self, source: Source, repository: SourceRepository, tmp_path: Path
    ) -> None:
        """The error message asks the user to check the URL."""
        with pytest.raises(SourceError, match="Check the repository URL"):
            await _fetch(source, f"{repository.url}-not", tmp_path / "out")
        assert not _exists(tmp_path / "out")

    async def test_existing_directory_is_kept(
        self, source: Source, repository: SourceRepository, tmp_path: Path
    ) -> None:
        """A fetch creates its directory, and never writes to an existing one."""
        repository.commit("one", {"a.txt": "1"})
        _write(tmp_path / "out", "kept.txt")

        with pytest.raises(PlatformFaultError):
            await _fetch(source, repository.url, tmp_path / "out")
        assert {"kept.txt": "kept"} == _files(tmp_path / "out")

    async def test_commit_can_be_fetched_twice(
        self, source: Source, repository: SourceRepository, tmp_path: Path
    ) -> None:
        """A second fetch works like the first, and removing the cache twice has no effect."""
        repository.commit("one", {"a.txt": "1"})

        first = await _fetch(source, repository.url, tmp_path / "first")
        second = await _fetch(source, repository.url, tmp_path / "second")
        await source.remove_cache(PROJECT)
        await source.remove_cache(PROJECT)
        third = await _fetch(source, repository.url, tmp_path / "third")

        assert third.commit_sha == first.commit_sha
        assert first.commit_sha == second.commit_sha
        assert _files(tmp_path / "first") == _files(tmp_path / "second")


async def _fetch(
    source: Source, url: str, directory: Path, *, branch: str = "main", commit: str | None = None
) -> Checkout:
    messages: list[str] = []

    async def report(sentence: str) -> None:
        messages.append(sentence)

    request = SourceRequest(repo_url=url, branch=branch, commit_sha=commit, project_id=PROJECT)
    with fail_after(60):
        checkout = await source.fetch(
            request, directory, timeout=timedelta(seconds=30), on_progress=report
        )
    assert messages
    assert directory == checkout.directory
    return checkout


def _files(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in directory.rglob("*")
        if path.is_file()
    }


def _exists(path: Path) -> bool:
    return path.exists()


def _write(directory: Path, name: str) -> None:
    directory.mkdir()
    (directory / name).write_text("kept")
