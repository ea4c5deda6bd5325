"""Tests every adapter against the contract of the port `Source`."""

from collections.abc import Mapping
from hashlib import sha1
from pathlib import Path, PurePosixPath

import pytest
from attrs import frozen

from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.domain.projects.sources import SourcePolicy
from pushpaka_core.ports.source import Source
from pushpaka_core.testing.repositories import Repository
from pushpaka_core.testing.source import SourceContract, SourceRepository


@pytest.mark.anyio
class TestSource(SourceContract):
    """Runs the contract in memory and with Git."""

    @pytest.fixture(params=["memory", "git"])
    def source_and_repository(
        self, request: pytest.FixtureRequest, tmp_path: Path
    ) -> tuple[Source, SourceRepository]:
        return _memory() if request.param == "memory" else _git(tmp_path)

    @pytest.fixture
    def source(self, source_and_repository: tuple[Source, SourceRepository]) -> Source:
        return source_and_repository[0]

    @pytest.fixture
    def repository(
        self, source_and_repository: tuple[Source, SourceRepository]
    ) -> SourceRepository:
        return source_and_repository[1]


@frozen(kw_only=True)
class _MemoryRepository:
    url: str
    commits: list[MemoryCommit]

    def commit(self, message: str, files: Mapping[str, str]) -> str:
        sha = sha1(message.encode(), usedforsecurity=False).hexdigest()
        self.commits.append(MemoryCommit(sha=sha, message=message, files=files))
        return sha


@frozen(kw_only=True)
class _GitRepository:
    url: str
    repository: Repository

    def commit(self, message: str, files: Mapping[str, str]) -> str:
        return self.repository.commit(message, files)


def _memory() -> tuple[Source, SourceRepository]:
    repository = _MemoryRepository(url="https://example.org/shop", commits=[])
    source = MemorySource(repositories={repository.url: {"main": repository.commits}})
    return source, repository


def _git(tmp_path: Path) -> tuple[Source, SourceRepository]:
    root, state = tmp_path / "repos", tmp_path / "state"
    state.mkdir(mode=0o700)
    policy = SourcePolicy(local_repo_root=PurePosixPath(root))
    repository = Repository.create(root / "shop")
    source = GitSource(
        process_manager=HostProcesses(state), policy=policy, mirrors_directory=tmp_path / "mirrors"
    )
    return source, _GitRepository(url=str(repository.path), repository=repository)
