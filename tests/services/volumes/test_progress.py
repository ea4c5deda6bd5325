"""The progress of snapshots and restores, as the API shows it meanwhile."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeAlias

import pytest
from attrs import define, evolve, field
from tests.service_fixtures import Services
from tests.services.volumes.test_snapshots import restore, set_node, take, work
from tests.services.volumes.test_volumes import create, fill

from pushpaka_core.adapters.memory.volumes import MemoryVolumeFiles
from pushpaka_core.container.volumes import snapshot_taker, volume_restorer
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.volumes.snapshots import SnapshotRestore
from pushpaka_core.domain.volumes.volumes import MEBIBYTE, Volume
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.services.volumes.progress import INTERVAL
from pushpaka_core.testing.unpacker import chunks_of

pytestmark = pytest.mark.anyio

Seen: TypeAlias = tuple[int | None, int | None]


@pytest.fixture
async def media(services: Services, ann: Actor) -> Volume:
    volume = await create(services, ann, await services.project(ann, "shop"))
    await fill(services, volume, bytes(range(256)) * 4096)
    return evolve(await set_node(services, volume), used_bytes=MEBIBYTE)


@define
class SlowFiles(MemoryVolumeFiles):
    """Reads and writes volumes slowly, and calls `observe` after each piece."""

    observe: Callable[[], Awaitable[None]] = field(kw_only=True)
    piece_size: int = MEBIBYTE // 2

    async def read(self, volume: Volume, /, *, path: str = "") -> AsyncIterator[bytes]:
        content = b"".join([piece async for piece in super().read(volume, path=path)])
        async for piece in self._slowly(chunks_of(content, self.piece_size)):
            yield piece

    async def write(self, volume: Volume, archive: AsyncIterable[bytes], /) -> None:
        await super().write(volume, self._slowly(archive))

    async def _slowly(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            yield piece
            await self.observe()


def with_slow_files(services: Services, observe: Callable[[], Awaitable[None]]) -> Any:
    files = SlowFiles(observe=observe)
    files._volumes = services.volume_files._volumes
    return evolve(services.adapters, volume_files=files)


async def test_progress_counts_all_readings_of_the_files(
    services: Services, ann: Actor, media: Volume
) -> None:
    """The total becomes exact after the first reading, and the figures end with the snapshot."""
    async with services.storage.transaction() as uow:
        await uow.volumes.update(media)
    requested = await services.snapshots.take(ann, media.id)
    seen: list[Seen] = []

    async def observe() -> None:
        snapshot = await services.snapshots.get(ann, requested.id)
        seen.append((snapshot.bytes_done, snapshot.bytes_total))
        services.clock.advance(INTERVAL.total_seconds())

    adapters = with_slow_files(services, observe)
    await snapshot_taker(adapters, services.options).take_due()

    taken = await services.snapshots.get(ann, requested.id)
    size, half = len(await archive_of(services, media)), MEBIBYTE // 2
    assert [(half, 3 * MEBIBYTE), (2 * half, 3 * MEBIBYTE), (size, 3 * MEBIBYTE)] == seen[:3]
    assert [(size + half, 3 * size), (size + 2 * half, 3 * size), (2 * size, 3 * size)] == seen[3:]
    assert (None, None, True) == (taken.bytes_done, taken.bytes_total, taken.is_available)


async def test_progress_is_stored_every_few_seconds(
    services: Services, ann: Actor, media: Volume
) -> None:
    """The first piece is stored at once. Without a measurement, the total is unknown."""
    requested = await services.snapshots.take(ann, media.id)
    seen: list[Seen] = []

    async def observe() -> None:
        snapshot = await services.snapshots.get(ann, requested.id)
        seen.append((snapshot.bytes_done, snapshot.bytes_total))

    await snapshot_taker(with_slow_files(services, observe), services.options).take_due()

    assert {(MEBIBYTE // 2, None)} == set(seen)


async def test_progress_of_an_earlier_attempt_ends_it(
    services: Services, ann: Actor, media: Volume
) -> None:
    """A suspended worker stops at its next update, and changes nothing."""
    requested = await services.snapshots.take(ann, media.id)
    takers = [snapshot_taker(services.adapters, services.options)]

    async def observe() -> None:
        if takers:
            await takers.pop().take_due()
            services.clock.advance(INTERVAL.total_seconds())

    with pytest.raises(LeaseLostError):
        await snapshot_taker(with_slow_files(services, observe), services.options).take_due()

    taken = await services.snapshots.get(ann, requested.id)
    assert (True, 2, None) == (taken.is_available, taken.fence, taken.bytes_done)


async def test_restore_shows_its_progress(services: Services, ann: Actor, media: Volume) -> None:
    """It counts the compressed bytes of the snapshot."""
    taken = await take(services, ann, media)
    new = await services.snapshots.restore(ann, taken.id, SnapshotRestore(into="copy"))
    seen: list[Seen] = []

    async def observe() -> None:
        volume = await services.volumes.get(ann, new.id)
        seen.append((volume.restore_bytes_done, volume.restore_bytes_total))

    adapters = with_slow_files(services, observe)
    await volume_restorer(adapters, services.options).restore_due()

    restored = await services.volumes.get(ann, new.id)
    assert {(taken.size_bytes, taken.size_bytes)} == set(seen)
    assert (None, None) == (restored.restore_bytes_done, restored.restore_bytes_total)
    assert restored.used_bytes == taken.content_bytes


async def test_waiting_ends_with_the_restore_or_the_timeout(
    services: Services, ann: Actor, media: Volume
) -> None:
    taken = await take(services, ann, media)
    new = await services.snapshots.restore(ann, taken.id, SnapshotRestore(into="copy"))
    await services.snapshots.wait_for_restore(ann, new.id, timedelta(0))
    assert (await services.volumes.get(ann, new.id)).restoring_since is not None
    await work(services)

    await services.snapshots.wait_for_restore(ann, new.id, timedelta(minutes=5))

    assert (await services.volumes.get(ann, new.id)).restoring_since is None
    assert (await restore(services, ann, taken, into="other")).restored_from == taken.id


async def archive_of(services: Services, volume: Volume) -> bytes:
    return b"".join([piece async for piece in services.volume_files.read(volume)])
