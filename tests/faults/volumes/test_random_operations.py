"""Random operations neither lose the files of a volume nor mix those of two."""

from collections import Counter
from collections.abc import Collection
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from random import Random

import pytest
from anyio import to_thread
from tests.faults.conftest import DEPTH, SEED
from tests.faults.simulation import OpenStorage
from tests.faults.volumes.checksums import archive_checksum, checksum, checksums_of_volumes
from tests.faults.volumes.operations import WEIGHTS, RandomOperations
from tests.faults.volumes.platform import KeptPlatform
from tests.servers.postgres import PostgresServer

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.ports.storage.storage import Storage

pytestmark = pytest.mark.anyio

OPERATIONS = 500 * max(DEPTH, 1)
_SHOWN = 20
"""How many of the most recent operations a failure message lists."""


async def test_random_operations_lose_and_mix_no_files(tmp_path: Path) -> None:
    await run(tmp_path, 7, OPERATIONS, must_do=(*WEIGHTS, "expired"))


async def test_other_operations_in_each_run_lose_and_mix_no_files(tmp_path: Path) -> None:
    """PUSHPAKA_TEST_SEED repeats the operations of a failed run."""
    await run(tmp_path, SEED, OPERATIONS // 5)


async def test_random_operations_on_sqlite_lose_and_mix_no_files(tmp_path: Path) -> None:
    """Each restart opens the database file again."""
    url = f"sqlite:///{tmp_path / 'pushpaka.sqlite'}"
    await run(tmp_path, SEED, OPERATIONS // 20, partial(open_storage, url, migrate=True))


@pytest.mark.needs("postgres")
async def test_random_operations_on_postgresql_lose_and_mix_no_files(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with postgres.database() as url:
        await run(tmp_path, SEED, OPERATIONS // 20, partial(open_storage, url, migrate=False))


async def run(
    directory: Path,
    seed: int,
    count: int,
    open_database: OpenStorage | None = None,
    *,
    must_do: Collection[str] = (),
) -> None:
    """
    Apply *count* random operations, and compare all files with the model after each.

    Args:
        directory: The directory of all files.
        seed: Determines the operations.
        count: The number of operations.
        open_database: Opens the database at each start, or None to keep it in memory.
        must_do: The operations that must have been accepted at least once.
    """
    database: Storage = MemoryStorage()
    opening = open_database or (lambda: nullcontext(database))
    async with KeptPlatform.open(directory, opening) as kept:
        operations = RandomOperations(kept=kept, random=Random(seed))  # noqa: S311 - nothing secret
        try:
            await operations.open()
            for _ in range(count):
                await operations.step()
                await require_same_files(operations)
        except BaseException as error:
            error.add_note(f"PUSHPAKA_TEST_SEED={seed}, operation {len(operations.history)}:")
            error.add_note("\n".join(operations.history[-_SHOWN:]))
            raise
    assert [] == [name for name in must_do if not operations.outcomes[name]]


async def require_same_files(operations: RandomOperations) -> None:
    """Compare all volumes, snapshots and programs with the model."""
    model, kept = operations.model, operations.kept
    rows = {row.id: row for row in await kept.volumes()}
    places = {
        volume_id: (one.place, one.settings.name, one.is_attached)
        for volume_id, one in model.volumes.items()
    }
    stored = {
        volume_id: ((row.project_id, row.target), row.name, row.is_attached)
        for volume_id, row in rows.items()
    }
    assert places == stored, "P11: other volumes exist, or at other places"

    found = await to_thread.run_sync(checksums_of_volumes, kept.directory / "volumes")
    assert model.checksums(found) == found, "P11: the files of a volume are lost or mixed"

    expected = {snapshot_id: one.files for snapshot_id, one in model.snapshots.items()}
    snapshots = await kept.snapshots()
    assert expected.keys() == snapshots.keys(), "P11: other snapshots exist"
    stored_files = {one: kept.snapshot_file(row) for one, row in snapshots.items()}
    for snapshot_id, files in expected.items():
        if files is not None:
            found_file = await to_thread.run_sync(archive_checksum, stored_files[snapshot_id])
            assert checksum(files) == found_file, "P11: a snapshot has changed"

    mounts = [
        mount for request in kept.runtime.running.values() for mount in request.settings.volumes
    ]
    assert {mount.volume_id for mount in mounts} <= rows.keys(), "P11: a program lost its volume"
    writers = Counter(one.volume_id for one in mounts if one.access is VolumeAccess.ONE)
    assert not writers or max(writers.values()) == 1, "P12: a volume has two writers"
