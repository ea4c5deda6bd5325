"""Programs of this host, ended with their test, and a directory where others may go."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest
from tests.adapters.process.builders import builder_in

from pushpaka_core.adapters.process.builder import BUILD_LIMITS, ProcessBuilder
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.adapters.process.runtime import ProcessRuntime
from pushpaka_core.ports.processes import Limits

FIRST_UID = 61_000


@pytest.fixture
def data() -> Iterator[Path]:
    """Return a data directory; those of pytest are closed to other users."""
    directory = Path(mkdtemp(prefix="pushpaka-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def state(data: Path) -> Path:
    return data / "processes"


@pytest.fixture
async def processes(state: Path) -> AsyncIterator[HostProcesses]:
    host = HostProcesses(state)
    yield host
    for process in await host.launched():
        await host.stop(process.name, grace=timedelta(0))
    await host.sweep()


@pytest.fixture(
    params=[
        None,
        pytest.param(
            FIRST_UID, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can")
        ),
    ],
    ids=["as-oneself", "as-another-user"],
)
def first_uid(request: pytest.FixtureRequest) -> int | None:
    uid: int | None = request.param
    return uid


@pytest.fixture
def build_limits() -> Limits:
    return BUILD_LIMITS


@pytest.fixture
def builder(
    processes: HostProcesses, data: Path, first_uid: int | None, build_limits: Limits
) -> ProcessBuilder:
    host_env = {"HOST_ONLY": "seen"}
    return builder_in(data, processes, first_uid, host_env=host_env, limits=build_limits)


@pytest.fixture
def runtime(processes: HostProcesses, data: Path, first_uid: int | None) -> ProcessRuntime:
    return ProcessRuntime(
        processes=processes,
        releases_directory=data / "releases",
        tools_directory=data / "tools",
        instances_directory=data / "instances",
        uid_of=lambda number: first_uid and first_uid + number,
    )
