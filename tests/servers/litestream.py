"""Runs Litestream, which continuously replicates a SQLite database, and restores replicas."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio import run_process
from tests.served_instance import ServedInstance

DATABASE = "pushpaka.sqlite"
_PROGRAM = str(Path(sys.executable).with_name("litestream"))


@asynccontextmanager
async def replicate(served_instance: ServedInstance, replica: Path) -> AsyncIterator[None]:
    """Replicate the database of *served_instance* to *replica* until the block ends."""
    database = str(served_instance.data_directory / DATABASE)
    argv = [_PROGRAM, "replicate", "-log-level", "warn", database, f"file://{replica}"]
    async with await anyio.open_process(argv, stdout=None, stderr=None) as litestream:
        try:
            yield
        finally:
            litestream.terminate()
            await litestream.wait()


async def restore(replica: Path, served_instance: ServedInstance) -> None:
    """Restore the database of *served_instance* from *replica*."""
    target = str(served_instance.data_directory / DATABASE)
    await run_process([_PROGRAM, "restore", "-o", target, f"file://{replica}"])
