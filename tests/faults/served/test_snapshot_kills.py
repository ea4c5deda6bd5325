"""Kills of serve while it takes a snapshot of a volume, and while it restores one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from random import Random
from signal import SIGKILL

import httpx
import pytest
from anyio import fail_after, sleep, to_thread
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.faults.served.instances import restart, revive
from tests.faults.served.writers import Shop, open_shop
from tests.faults.volumes.checksums import directory_checksum
from tests.served_instance import ServedInstance

from pushpaka_core.domain.platform.failpoints import RESTORE_FAILPOINTS, SNAPSHOT_FAILPOINTS

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

_FILES = 200
"""So many files that a restore takes longer than the kill of serve."""
_FILE_BYTES = 100_000


@pytest.fixture
async def shop(instance: ServedInstance) -> AsyncIterator[Shop]:
    async with open_shop(instance) as shop:
        await shop.owner.read(shop.project, "/add/kept")
        yield shop


@pytest.mark.parametrize("step", [*SNAPSHOT_FAILPOINTS, *RESTORE_FAILPOINTS])
async def test_restored_volume_has_the_files_of_the_snapshot_after_a_kill_at_any_step(
    instance: ServedInstance, shop: Shop, step: str
) -> None:
    """The next start repeats the interrupted step. The original volume keeps its own files."""
    owner = shop.owner
    (volume,) = await _list(owner, "/volumes")
    expected = await _checksum(instance, volume)

    async with _killed(instance, step if step in SNAPSHOT_FAILPOINTS else ""):
        await owner.ask("POST", f"/volumes/{volume['id']}/snapshots")
    (snapshot,) = await _list(owner, f"/snapshots?volume_id={volume['id']}")
    taken = await _wait_until(owner, f"/snapshots/{snapshot['id']}", _is_taken)
    await owner.read(shop.project, "/add/later")
    async with _killed(instance, step if step in RESTORE_FAILPOINTS else ""):
        await owner.ask("POST", f"/snapshots/{snapshot['id']}/restore", {"into": "copy"})
    (copy,) = [one for one in await _list(owner, "/volumes") if one["name"] == "copy"]
    restored = await _wait_until(owner, f"/volumes/{copy['id']}", _is_restored)

    assert "available" == taken["status"], taken["error"]
    assert restored["restore_error"] is None
    assert expected == await _checksum(instance, restored) != await _checksum(instance, volume)
    assert {"kept", "later"} == {*(await owner.read(shop.project, "/entries")).split()}


async def test_restore_killed_while_it_writes_is_repeated(
    instance: ServedInstance, shop: Shop
) -> None:
    """All files are written again."""
    owner = shop.owner
    (volume,) = await _list(owner, "/volumes")
    await to_thread.run_sync(_fill, _directory(instance, volume))
    expected = await _checksum(instance, volume)
    snapshot = await owner.ask("POST", f"/volumes/{volume['id']}/snapshots")
    await _wait_until(owner, f"/snapshots/{snapshot['id']}", _is_taken)

    is_partial = False
    numbers = count()
    with fail_after(PATIENCE):
        while not is_partial:  # The restore may have been faster than the kill.
            into = {"into": f"copy-{next(numbers)}"}
            copy = await owner.ask("POST", f"/snapshots/{snapshot['id']}/restore", into)
            directory = _directory(instance, copy)
            while not _file_count(directory):
                await sleep(0.001)
            await instance.stop(SIGKILL, timeout_seconds=PATIENCE)
            is_partial = _file_count(directory) < _FILES
            await instance.start()
            restored = await _wait_until(owner, f"/volumes/{copy['id']}", _is_restored)
            assert restored["restore_error"] is None
            assert expected == await _checksum(instance, restored)


@asynccontextmanager
async def _killed(instance: ServedInstance, step: str) -> AsyncIterator[None]:
    """Kill serve once it reaches *step* after the block has begun, and start it again."""
    if not step:
        yield
        return
    await restart(instance, {"PUSHPAKA_TEST_FAILPOINT": f"{step}:kill"})
    with suppress(httpx.TransportError):  # Its response may be lost.
        yield
    assert -SIGKILL == await revive(instance)


async def _list(owner: Person, path: str) -> list[Json]:
    return list((await owner.ask("GET", path))["data"])


async def _wait_until(owner: Person, path: str, is_done: Callable[[Json], bool]) -> Json:
    with fail_after(PATIENCE):
        while not is_done(seen := await owner.ask("GET", f"{path}?wait=20")):
            pass
    return seen


def _is_taken(snapshot: Json) -> bool:
    return snapshot["status"] not in {"pending", "running"}


def _is_restored(volume: Json) -> bool:
    return volume["restoring_since"] is None


def _directory(instance: ServedInstance, volume: Json) -> Path:
    return instance.data_directory / "volumes" / str(volume["id"])


def _file_count(directory: Path) -> int:
    return len([*directory.iterdir()]) if directory.exists() else 0


def _fill(directory: Path) -> None:
    """Write files that cannot be compressed."""
    random = Random(7)  # noqa: S311 - nothing secret
    for number in range(_FILES):
        (directory / f"file-{number}").write_bytes(random.randbytes(_FILE_BYTES))


async def _checksum(instance: ServedInstance, volume: Json) -> str:
    return await to_thread.run_sync(directory_checksum, _directory(instance, volume))
