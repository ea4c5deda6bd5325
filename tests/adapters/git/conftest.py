"""Real repositories, served by a path and by real HTTP servers on loopback."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path, PurePosixPath

import pytest

from pushpaka_core.adapters.git.source import GitSource
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.domain.source_limits import SourceLimits
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.ports.processes import Processes
from pushpaka_core.testing.forges import Forge, open_forge
from pushpaka_core.testing.repositories import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.make(tmp_path / "repos" / "shop")


@pytest.fixture
def forge(repository: Repository) -> Iterator[Forge]:
    with open_forge(repository.path.parent) as opened:
        yield opened


@pytest.fixture
def policy(tmp_path: Path) -> SourcePolicy:
    return SourcePolicy(
        allow_http=True,
        local_repo_root=PurePosixPath(tmp_path / "repos"),
        allow_nets=(ip_network("127.0.0.0/8"),),
    )


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    (tmp_path / "state").mkdir(mode=0o700)
    return HostProcesses(tmp_path / "state")


@pytest.fixture
def source(processes: Processes, policy: SourcePolicy) -> GitSource:
    return GitSource(
        processes=processes,
        policy=policy,
        limits=SourceLimits(files=100, total_bytes=1 << 20),
    )
