"""Fixtures for hostile programs: a data directory, processes and user ids."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import pytest
from anyio import Event, create_task_group
from anyio.abc import TaskGroup
from attrs import field, frozen
from tests.adapters.process.builders import builder_in
from tests.http.clients import UNLIMITED, Person, speaking_to
from tests.http.instances import Instance
from tests.security.served_fixture import ServedFixture, open_served_fixture

from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.toolchains.interpreters import Interpreters
from pushpaka_core.ports.processes import Command, OutputChunk
from pushpaka_core.testing.applications import PROJECT_NUMBER, BuildRecorder
from pushpaka_http.app import create_app

FIRST_UID = 61_500


@pytest.fixture
def data_directory() -> Iterator[Path]:
    """Yield a data directory that other operating system users can traverse."""
    directory = Path(mkdtemp(prefix="pushpaka-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
async def process_manager(data_directory: Path) -> AsyncIterator[HostProcesses]:
    host = HostProcesses(data_directory / "processes")
    yield host
    for process in await host.list_launched():
        await host.stop(process.name, grace_period=timedelta(0))
    await host.kill_orphans()


@pytest.fixture
def first_uid() -> int | None:
    """Return the first user id for projects, or None if the tests do not run as root."""
    return FIRST_UID if os.geteuid() == 0 else None


@pytest.fixture
def uid(first_uid: int | None) -> int | None:
    """Return the user id of the project under test, or None if the tests do not run as root."""
    return first_uid and first_uid + PROJECT_NUMBER


@pytest.fixture(scope="session")
async def served_fixture() -> AsyncIterator[ServedFixture]:
    async with open_served_fixture() as opened:
        yield opened


@pytest.fixture(scope="module")
async def ann() -> AsyncIterator[Person]:
    """Return a user of an instance in memory that has no rate limits."""
    app = create_app(Instance.empty().application, limits=UNLIMITED)
    async with speaking_to(app) as client:
        yield await Person.register(client, "ann@example.com")


@frozen
class ProjectUser:
    """Runs Python programs as the operating system user of a project."""

    _processes: HostProcesses
    python: str
    uid: int | None
    output: bytearray = field(factory=bytearray, init=False)

    @asynccontextmanager
    async def running(self, program: str, *arguments: object) -> AsyncIterator[TaskGroup]:
        """Run *program* until the block ends, which starts with the program's first output."""
        began = Event()

        async def keep(chunk: OutputChunk) -> None:
            self.output.extend(chunk.data)
            began.set()

        async with create_task_group() as tasks:
            tasks.start_soon(partial(self.run, program, *arguments, on_output=keep))
            await began.wait()
            yield tasks

    async def run(
        self, program: str, *arguments: object, on_output: Callable[[OutputChunk], Awaitable[None]]
    ) -> None:
        """Run *program* to its end, and pass its output to *on_output*."""
        argv = (self.python, "-c", program, *map(str, arguments))
        command = Command(argv=argv, directory=Path("/"), uid=self.uid)
        await self._processes.run(command, on_output=on_output)


@pytest.fixture
async def project_user(process_manager: HostProcesses, uid: int | None) -> ProjectUser:
    interpreter = await Interpreters(process_manager=process_manager).choose(
        None, for_other_users=uid is not None, report=BuildRecorder().report
    )
    return ProjectUser(process_manager, str(interpreter.path), uid)


@pytest.fixture
def builder(
    process_manager: HostProcesses, data_directory: Path, first_uid: int | None
) -> ProcessBuilder:
    return builder_in(data_directory, process_manager, first_uid)
