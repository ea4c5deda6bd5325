"""The promises hold whatever happens, in any order, on each storage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread
from hypothesis import settings
from tests.faults.conftest import DEPTH
from tests.faults.machine import LifeOfDeployments

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.ports.storage import Storage


@asynccontextmanager
async def in_memory() -> AsyncIterator[Storage]:
    yield MemoryStorage()


@asynccontextmanager
async def in_a_file() -> AsyncIterator[Storage]:
    directory = await to_thread.run_sync(TemporaryDirectory)
    try:
        file = Path(directory.name) / "pushpaka.db"
        async with open_storage(f"sqlite:///{file}", migrate=True) as storage:
            yield storage
    finally:
        await to_thread.run_sync(directory.cleanup)


class LifeInMemory(LifeOfDeployments):
    """On the memory storage."""

    open_storage = staticmethod(in_memory)


class LifeInAFile(LifeOfDeployments):
    """On SQLite."""

    open_storage = staticmethod(in_a_file)


PROFILE = settings.get_profile("faults")

TestLifeInMemory = LifeInMemory.TestCase
TestLifeInMemory.settings = settings(PROFILE, max_examples=40 * max(DEPTH, 1))

TestLifeInAFile = LifeInAFile.TestCase
TestLifeInAFile.settings = settings(PROFILE, max_examples=12 * max(DEPTH, 1))
