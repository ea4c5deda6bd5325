"""Litestream copies a database elsewhere as it grows, and brings it back from there."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio import run_process
from tests.served import Served

DATABASE = "pushpaka.sqlite"
_PROGRAM = str(Path(sys.executable).with_name("litestream"))


@asynccontextmanager
async def replicated(served: Served, replica: Path) -> AsyncIterator[None]:
    """Have the database of *served* copied to *replica*, until the block ends."""
    database = str(served.data_directory / DATABASE)
    argv = [_PROGRAM, "replicate", "-log-level", "warn", database, f"file://{replica}"]
    async with await anyio.open_process(argv, stdout=None, stderr=None) as litestream:
        try:
            yield
        finally:
            litestream.terminate()
            await litestream.wait()


async def restore(replica: Path, served: Served) -> None:
    """Bring the database of *served* back from *replica*."""
    target = str(served.data_directory / DATABASE)
    await run_process([_PROGRAM, "restore", "-o", target, f"file://{replica}"])
