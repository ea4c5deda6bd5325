"""Hostile programs need a host: a data directory, programs in it, and who they run as."""

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
from tests.security.scenes import Scene, open_scene

from pushpaka_core.adapters.process.builder import ProcessBuilder
from pushpaka_core.adapters.process.interpreters import Interpreters
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.ports.processes import Command, OutputChunk
from pushpaka_core.testing.applications import NUMBER
from pushpaka_http.app import create_app

FIRST_UID = 61_500


@pytest.fixture
def data() -> Iterator[Path]:
    """Return a data directory that other users may pass."""
    directory = Path(mkdtemp(prefix="pushpaka-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
async def processes(data: Path) -> AsyncIterator[HostProcesses]:
    host = HostProcesses(data / "processes")
    yield host
    for process in await host.launched():
        await host.stop(process.name, grace=timedelta(0))
    await host.sweep()


@pytest.fixture
def first_uid() -> int | None:
    """Return what projects' user ids begin with: an ordinary user can give them none."""
    return FIRST_UID if os.geteuid() == 0 else None


@pytest.fixture
def uid(first_uid: int | None) -> int | None:
    """Return the user id of the project that is built here."""
    return first_uid and first_uid + NUMBER


@pytest.fixture(scope="session")
async def scene() -> AsyncIterator[Scene]:
    async with open_scene() as opened:
        yield opened


@pytest.fixture(scope="module")
async def ann() -> AsyncIterator[Person]:
    """Return somebody who speaks to the API of an instance in memory, as often as they like."""
    app = create_app(Instance.empty().application, limits=UNLIMITED)
    async with speaking_to(app) as client:
        yield await Person.registered(client, "ann@example.com")


@frozen
class Stranger:
    """Runs Python programs as the project does, until the block ends; they say when they begin."""

    _processes: HostProcesses
    python: str
    uid: int | None
    output: bytearray = field(factory=bytearray, init=False)

    @asynccontextmanager
    async def running(self, program: str, *arguments: object) -> AsyncIterator[TaskGroup]:
        """Run *program*, and begin the block once it has printed something."""
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
        """Run *program* to its end."""
        argv = (self.python, "-c", program, *map(str, arguments))
        command = Command(argv=argv, directory=Path("/"), uid=self.uid)
        await self._processes.run(command, on_output=on_output)


@pytest.fixture
async def stranger(processes: HostProcesses, uid: int | None) -> Stranger:
    interpreter = await Interpreters(processes).choose(None, for_others=uid is not None)
    return Stranger(processes, str(interpreter.path), uid)


@pytest.fixture
def builder(processes: HostProcesses, data: Path, first_uid: int | None) -> ProcessBuilder:
    return builder_in(data, processes, first_uid)
