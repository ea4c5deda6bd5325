"""Size limits of volumes, full disks, overdue snapshots, and their notifications."""

import json
from typing import Any

import pytest
from tests.service_fixtures import Services
from tests.services.volumes.test_snapshots import (
    A_DAY,
    contents,
    restore,
    send_notifications,
    set_node,
    take,
    work,
)
from tests.services.volumes.test_volumes import create, fill, stored

from pushpaka_core.container.volumes import snapshot_alarms, volume_meter
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.integrations.notifications import NewNotificationChannel
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.snapshots import SnapshotRestore, SnapshotStatus
from pushpaka_core.domain.volumes.volumes import MEBIBYTE, Volume, VolumeChanges
from pushpaka_core.errors import ConflictError, InvalidInputError, UnavailableError
from pushpaka_core.services.volumes.measurement import INTERVAL
from pushpaka_core.testing.objects.values import later
from pushpaka_core.testing.unpacker import chunks_of
from pushpaka_core.testing.volumes.archives import entry, tar_of

pytestmark = pytest.mark.anyio

LIMIT = VolumeChanges(size_limit=1)
TOO_MUCH = b"x" * (MEBIBYTE + 1)


@pytest.fixture
async def shop(services: Services, ann: Actor) -> Project:
    project = await services.project(ann, "shop")
    url = "https://hooks.example.com/ann"
    await services.notifications.add(ann, NewNotificationChannel(project_id=project.id, url=url))
    return project


@pytest.fixture
async def media(services: Services, ann: Actor, shop: Project) -> Volume:
    volume = await create(services, ann, shop)
    await fill(services, volume, b"one")
    return await set_node(services, volume)


async def notifications(services: Services) -> list[dict[str, Any]]:
    await send_notifications(services)
    return [json.loads(request.body) for request in services.notification_client.requests]


async def measure(services: Services) -> Volume:
    """Measure the volumes an hour after the last time, and return the only one."""
    services.clock.advance(INTERVAL.total_seconds())
    await volume_meter(services.adapters).measure_due()
    (volume,) = await stored(services)
    return volume


async def check_snapshots(services: Services) -> Volume:
    await snapshot_alarms(services.adapters).check()
    (volume,) = await stored(services)
    return volume


class TestSizeLimit:
    async def test_exceeded_limit_is_notified_once(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """It is notified again only after the volume was smaller than its limit."""
        await services.volumes.change(ann, media.id, LIMIT)
        assert (await measure(services)).over_limit_since is None
        await fill(services, media, TOO_MUCH)

        over = await measure(services)
        still_over = await measure(services)
        (sent,) = await notifications(services)

        assert over.over_limit_since == still_over.over_limit_since == over.measured_at
        assert "volume.size_limit_exceeded" == sent["type"]
        assert (
            'The volume "media" uses 2 MiB, and its size limit is 1 MiB. Delete files, or raise '
            "the limit with `pushpaka volumes update media --size-limit MIB`."
        ) == sent["data"]["error"]
        await fill(services, media, b"small")
        assert (await measure(services)).over_limit_since is None
        await fill(services, media, TOO_MUCH)
        await measure(services)
        assert 2 == len(await notifications(services))

    async def test_lower_limit_is_checked_without_a_measurement(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """A higher one ends the alarm at once."""
        await fill(services, media, TOO_MUCH)
        await measure(services)
        await services.volumes.change(ann, media.id, LIMIT)

        await volume_meter(services.adapters).measure_due()

        (over,) = await stored(services)
        raised = await services.volumes.change(ann, media.id, VolumeChanges(size_limit=2))
        assert over.over_limit_since == services.clock()
        assert (None, False) == (raised.over_limit_since, raised.is_over_limit)
        assert 1 == len(await notifications(services))

    async def test_uploads_beyond_the_limit_change_nothing(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        await services.volumes.change(ann, media.id, LIMIT)
        archive = tar_of([entry("file", TOO_MUCH)])

        with pytest.raises(InvalidInputError, match="Delete files, or raise the size limit"):
            await services.volume_file_transfer.write(
                ann, media.id, chunks_of(archive, MEBIBYTE), size=len(archive)
            )

        assert {"file": b"one"} == await contents(services, media)

    async def test_restore_beyond_the_limit_is_refused(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """No volume is created. The compressed size does not count."""
        await fill(services, media, TOO_MUCH)
        taken = await take(services, ann, media)
        await services.volumes.change(ann, media.id, LIMIT)

        with pytest.raises(ConflictError, match=r"use 2 MiB.* is 1 MiB\. Raise the limit"):
            await services.snapshots.restore(ann, taken.id, SnapshotRestore(into="copy"))

        assert len(TOO_MUCH) == taken.content_bytes
        assert (taken.size_bytes or 0) < MEBIBYTE
        assert [media.id] == [one.id for one in await stored(services)]

    async def test_uploads_and_restores_are_measured_in_the_next_round(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """They do not wait for the end of the hour."""
        taken = await take(services, ann, media)
        await measure(services)
        archive = tar_of([entry("other", TOO_MUCH)])
        await services.volume_file_transfer.write(
            ann, media.id, chunks_of(archive, MEBIBYTE), size=len(archive)
        )
        await restore(services, ann, taken)

        await volume_meter(services.adapters).measure_due()

        sizes = {one.name: one.used_bytes for one in await stored(services)}
        assert {"media": len(TOO_MUCH) + 3, "copy": 3} == sizes


class TestFullDisk:
    async def test_snapshot_fails_before_it_writes(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        fill_disk(services)

        failed = await take(services, ann, media)

        assert SnapshotStatus.FAILED is failed.status
        assert "does not have enough disk space" in (failed.error or "")
        assert {} == services.snapshot_files.files
        assert ["volume.snapshot_failed"] == [one["type"] for one in await notifications(services)]

    async def test_restore_fails_before_it_writes(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        taken = await take(services, ann, media)
        fill_disk(services)

        failed = await restore(services, ann, taken)

        assert "does not have enough disk space" in (failed.restore_error or "")
        assert {media.id} == set(await services.volume_files.ids())
        assert {"file": b"one"} == await contents(services, media)
        assert ["volume.restore_failed"] == [one["type"] for one in await notifications(services)]

    async def test_upload_is_refused_before_it_writes(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        fill_disk(services)
        archive = tar_of([entry("file", b"two")])

        with pytest.raises(UnavailableError, match="does not have enough disk space"):
            await services.volume_file_transfer.write(
                ann, media.id, chunks_of(archive), size=len(archive)
            )

        assert {"file": b"one"} == await contents(services, media)


def fill_disk(services: Services) -> None:
    services.host.disk = 7


class TestOverdueSnapshots:
    async def test_overdue_snapshot_is_notified_once(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        """The cause does not matter: here, no worker takes snapshots."""
        await take(services, ann, media)
        await services.volumes.change(ann, media.id, VolumeChanges(snapshot_every=24))
        services.clock.advance(2 * A_DAY)
        assert (await check_snapshots(services)).snapshot_overdue_since is None
        services.clock.advance(1)

        overdue = await check_snapshots(services)
        services.clock.advance(A_DAY)
        again = await check_snapshots(services)
        (sent,) = await notifications(services)

        since = later(2 * A_DAY + 1)
        assert (since, since) == (overdue.snapshot_overdue_since, again.snapshot_overdue_since)
        assert "volume.snapshot_overdue" == sent["type"]
        assert "due every 24 hours, but the newest is from 2026-" in sent["data"]["error"]
        await work(services)
        assert (await check_snapshots(services)).snapshot_overdue_since is None

    async def test_failing_snapshots_become_overdue(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        await services.volumes.change(ann, media.id, VolumeChanges(snapshot_every=24))
        services.volume_files.is_unavailable = True
        for _ in range(3):
            services.clock.advance(A_DAY)
            await work(services)
            await notifications(services)

        overdue = await check_snapshots(services)

        sent = await notifications(services)
        assert overdue.snapshot_overdue_since == services.clock()
        assert ["volume.snapshot_failed"] * 3 + ["volume.snapshot_overdue"] == [
            one["type"] for one in sent
        ]
        assert "but there is none yet" in sent[-1]["data"]["error"]

    async def test_new_policy_and_unused_volumes_are_not_overdue(
        self, services: Services, ann: Actor, media: Volume
    ) -> None:
        services.clock.advance(30 * A_DAY)
        await services.volumes.change(ann, media.id, VolumeChanges(snapshot_every=24))
        fresh = await check_snapshots(services)
        services.clock.advance(3 * A_DAY)
        overdue = await check_snapshots(services)

        await services.volumes.detach(ann, media.id)

        detached = await check_snapshots(services)
        assert (None, services.clock(), None) == (
            fresh.snapshot_overdue_since,
            overdue.snapshot_overdue_since,
            detached.snapshot_overdue_since,
        )
