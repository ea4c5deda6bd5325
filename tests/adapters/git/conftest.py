"""Fixtures for real repositories, which are available by path and from a local HTTP server."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path, PurePosixPath

import pytest

from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.domain.projects.sources import SourceLimits, SourcePolicy
from pushpaka_core.ports.processes import ProcessManager
from pushpaka_core.testing.git_server import GitServer, open_git_server
from pushpaka_core.testing.repositories import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "repos" / "shop")


@pytest.fixture
def git_server(repository: Repository) -> Iterator[GitServer]:
    with open_git_server(repository.path.parent) as opened:
        yield opened


@pytest.fixture
def policy(tmp_path: Path) -> SourcePolicy:
    return SourcePolicy(
        allow_http=True,
        local_repo_root=PurePosixPath(tmp_path / "repos"),
        allow_nets=(ip_network("127.0.0.0/8"),),
    )


@pytest.fixture
def process_manager(tmp_path: Path) -> ProcessManager:
    (tmp_path / "state").mkdir(mode=0o700)
    return HostProcesses(tmp_path / "state")


@pytest.fixture
def source(process_manager: ProcessManager, policy: SourcePolicy) -> GitSource:
    return GitSource(
        process_manager=process_manager,
        policy=policy,
        limits=SourceLimits(files=100, total_bytes=1 << 20),
    )
