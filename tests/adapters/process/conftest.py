"""Fixtures for programs that end with their test, and a directory that other users may enter."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest
from tests.adapters.process.builders import builder_in

from pushpaka_core.adapters.process.builder.builder import BUILD_LIMITS, ProcessBuilder
from pushpaka_core.adapters.process.runtime import ProcessRuntime
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.ports.processes import ResourceLimits

FIRST_UID = 61_000
both_users = pytest.mark.parametrize(
    "first_uid",
    [
        pytest.param(None, id="as-oneself"),
        pytest.param(
            FIRST_UID,
            id="as-another-user",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can"),
        ),
    ],
)
"""Runs a test as the platform's user and, if possible, with a separate user for each project."""


@pytest.fixture
def data() -> Iterator[Path]:
    """Yield a data directory that other users may enter, unlike pytest's directories."""
    directory = Path(mkdtemp(prefix="pushpaka-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def state(data: Path) -> Path:
    return data / "processes"


@pytest.fixture
async def process_manager(state: Path) -> AsyncIterator[HostProcesses]:
    host = HostProcesses(state)
    yield host
    for process in await host.list_launched():
        await host.stop(process.name, grace_period=timedelta(0))
    await host.kill_orphans()


@pytest.fixture
def first_uid() -> int | None:
    """Return the first user id of projects, or None if the tests do not run as root."""
    return FIRST_UID if os.geteuid() == 0 else None


@pytest.fixture
def build_limits() -> ResourceLimits:
    return BUILD_LIMITS


@pytest.fixture
def builder(
    process_manager: HostProcesses, data: Path, first_uid: int | None, build_limits: ResourceLimits
) -> ProcessBuilder:
    host_env = {"HOST_ONLY": "seen"}
    return builder_in(data, process_manager, first_uid, host_env=host_env, limits=build_limits)


@pytest.fixture
def runtime(process_manager: HostProcesses, data: Path, first_uid: int | None) -> ProcessRuntime:
    return ProcessRuntime(
        process_manager=process_manager,
        releases_directory=data / "releases",
        tools_directory=data / "tools",
        instances_directory=data / "instances",
        volumes_directory=data / "volumes",
        uid_of=lambda number: first_uid and first_uid + number,
    )
