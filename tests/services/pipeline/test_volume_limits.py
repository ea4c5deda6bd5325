"""Deployments with volumes that are larger than their limit."""

import pytest
from attrs import evolve
from tests.platform_fixtures import OPTIONS, Platform
from tests.services.deployments.test_previews import deploy_preview
from tests.services.pipeline.test_mounted_volumes import (
    S,
    create,
    roll_back,
    take_snapshot,
    volumes,
)

from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.volumes import MEBIBYTE, PreviewVolume, Volume, VolumeChanges
from pushpaka_core.testing.unpacker import chunks_of
from pushpaka_core.testing.volumes.archives import entry, tar_of

pytestmark = pytest.mark.anyio


async def write(platform: Platform, volume: Volume, size: int) -> None:
    """Replace the only file of a volume, and store the measurement."""
    archive = chunks_of(tar_of([entry("file", b"x" * size)]), MEBIBYTE)
    await platform.volume_files.write(volume, archive)
    (present,) = await volumes(platform)
    async with platform.storage.transaction() as uow:
        await uow.volumes.update(evolve(present, used_bytes=size))


async def test_volume_beyond_its_limit_is_not_deployed(platform: Platform, shop: Project) -> None:
    """The running version stays, and rollbacks work, because they can be the remedy."""
    media = await create(platform, shop, size_limit=1)
    first = await platform.deploy(shop)
    second = await platform.deploy(shop)
    await write(platform, media, MEBIBYTE + 1)

    refused = await platform.deploy(shop)

    assert S.FAILED is refused.status
    assert (
        'The volume "media" uses 2 MiB, and its size limit is 1 MiB. Delete files, or raise the '
        "limit with `pushpaka volumes update media --size-limit MIB`. Then deploy again."
    ) == refused.error
    assert S.RUNNING is (await platform.stored_deployment(second.id)).status
    assert S.RUNNING is (await roll_back(platform, first)).status
    changes = VolumeChanges(size_limit=2)
    await platform.application.volumes.change(platform.owner, media.id, changes)
    assert S.RUNNING is (await platform.deploy(shop)).status


async def test_volume_is_measured_again_before_it_is_refused(
    platform: Platform, shop: Project
) -> None:
    """Deleting files helps at once."""
    media = await create(platform, shop, size_limit=1)
    await platform.deploy(shop)
    await write(platform, media, MEBIBYTE + 1)
    archive = chunks_of(tar_of([entry("file", b"x")]))
    await platform.volume_files.write(media, archive)

    assert S.RUNNING is (await platform.deploy(shop)).status


async def test_preview_does_not_copy_more_than_its_limit(platform: Platform, shop: Project) -> None:
    media = await create(platform, shop, preview=PreviewVolume.COPY)
    await platform.deploy(shop)
    await take_snapshot(platform, media, b"x" * (MEBIBYTE + 1))
    changes = VolumeChanges(size_limit=1)
    await platform.application.volumes.change(platform.owner, media.id, changes)

    refused = await deploy_preview(platform, shop)

    assert S.FAILED is refused.status
    assert 'use 2 MiB, and the size limit of the volume "media" is 1 MiB' in (refused.error or "")


async def test_preview_does_not_fill_the_disk(platform: Platform, shop: Project) -> None:
    """Nothing is copied if the reserve would not stay free."""
    media = await create(platform, shop, preview=PreviewVolume.COPY)
    await platform.deploy(shop)
    taken = await take_snapshot(platform, media, b"x" * MEBIBYTE)
    platform.host.disk = OPTIONS.min_free_capacity.disk + MEBIBYTE - 1

    refused = await deploy_preview(platform, shop)
    (_, copy) = await volumes(platform)
    used = await platform.volume_files.used_bytes(copy)
    platform.host.disk += 1
    running = await deploy_preview(platform, shop)

    assert MEBIBYTE == taken.content_bytes
    assert (S.FAILED, 0, S.RUNNING) == (refused.status, used, running.status)
    assert "does not have enough disk space" in (refused.error or "")
