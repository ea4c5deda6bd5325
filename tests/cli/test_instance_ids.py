"""A data directory and a database belong together, whatever the settings say."""

import shutil
import sqlite3
from pathlib import Path
from signal import SIGTERM

import anyio
import pytest
from anyio import to_thread
from anyio.abc import Process
from tests.served import Served

pytestmark = pytest.mark.anyio


@pytest.fixture
def database(unrouted: Served) -> Path:
    return unrouted.directory / "another.sqlite"


async def test_no_database_but_its_own_is_used_with_a_data_directory(
    unrouted: Served, database: Path
) -> None:
    """One that knows nothing of what runs there would have all of it ended."""
    url = f"sqlite:///{database}"
    await unrouted.run("users", "list")
    mistyped = await unrouted.run("serve", PUSHPAKA_DATABASE_URL=url)
    is_made = await anyio.Path(database).exists()
    in_memory = await unrouted.run("serve", PUSHPAKA_DATABASE_URL="memory:")

    elsewhere = str(unrouted.directory / "elsewhere")
    await unrouted.run(
        "users", "list", PUSHPAKA_DATA_DIRECTORY=elsewhere, PUSHPAKA_DATABASE_URL=url
    )
    of_another = await unrouted.run("worker", PUSHPAKA_DATABASE_URL=url)

    assert [2, 2, 2] == [ended.code for ended in (mistyped, in_memory, of_another)]
    assert "The database is empty, and the data directory is not." in mistyped.errors
    assert "PUSHPAKA_DATABASE_URL is memory:, and the data directory" in in_memory.errors
    assert "of another instance than the data directory" in of_another.errors
    assert not is_made


async def test_a_copied_data_directory_is_refused_while_the_first_is_in_use(
    unrouted: Served, database: Path
) -> None:
    """Though it has the same node and the same ids; it is taken once nobody uses the first."""
    copy = str(unrouted.directory / "copy")
    unrouted.env |= {
        "PUSHPAKA_DATABASE_URL": f"sqlite:///{database}",
        "PUSHPAKA_TEST_TIMING": "fast",
    }
    async with unrouted.worker() as worker:
        await until_looked_after(worker, database)
        await to_thread.run_sync(shutil.copytree, unrouted.data_directory, copy)
        refused = await unrouted.run("worker", PUSHPAKA_DATA_DIRECTORY=copy)
        worker.send_signal(SIGTERM)
        await worker.wait()

    async with unrouted.worker(PUSHPAKA_DATA_DIRECTORY=copy) as worker:
        await until_looked_after(worker, database)

    assert 2 == refused.code, refused.errors
    assert "The data directory is a copy of that of the node" in refused.errors
    assert "goes on with a data directory that was moved here" in unrouted.workers_log


async def until_looked_after(worker: Process, database: Path) -> None:
    with anyio.fail_after(60):
        while not await to_thread.run_sync(_is_looked_after, database):
            assert worker.returncode is None
            await anyio.sleep(0.05)


def _is_looked_after(database: Path) -> bool:
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return False
    try:
        held = "SELECT 1 FROM node_leases WHERE holder IS NOT NULL"
        return connection.execute(held).fetchone() is not None
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
