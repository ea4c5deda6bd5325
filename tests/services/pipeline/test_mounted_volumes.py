"""Deployments mount the volumes of their target, and freeze them with the release."""

from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve
from tests.platform_fixtures import OPTIONS, Platform, open_platform
from tests.services.deployments.test_previews import delete_branch, deploy_preview

from pushpaka_core.container.application import assemble
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.plans import PlanRequest
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.logs.logs import LogLevel
from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.mounts import VolumeAccess, VolumeMount
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import (
    NewVolume,
    PreviewVolume,
    Volume,
    VolumeAttachment,
    VolumeChanges,
    VolumePurge,
)
from pushpaka_core.errors import PlanFailedError
from pushpaka_core.ports.runtime import ClusterNode
from pushpaka_core.testing.unpacker import chunks_of
from pushpaka_core.testing.volumes.archives import entry, tar_of, unpacked

pytestmark = pytest.mark.anyio

S = DeploymentStatus


async def create(platform: Platform, project: Project, **fields: Any) -> Volume:
    values = {"name": "media", "mount_path": "media"} | fields
    new = NewVolume(project_id=project.id, **values)
    return await platform.application.volumes.create(platform.owner, new)


async def volumes(platform: Platform) -> Sequence[Volume]:
    """Return all volumes, oldest first."""
    async with platform.storage.snapshot() as uow:
        return list(reversed(await uow.volumes.visible_to(PLATFORM).all()))


def mounts(deployment: Deployment) -> Sequence[VolumeMount]:
    assert deployment.run_settings is not None
    return deployment.run_settings.volumes


def declare(platform: Platform, text: str) -> None:
    """Commit a pushpaka.toml."""
    platform.commit(**{"pushpaka.toml": text})


async def detach(platform: Platform, volume: Volume) -> None:
    await platform.application.volumes.detach(platform.owner, volume.id)


async def roll_back(platform: Platform, deployment: Deployment) -> Deployment:
    """Roll back to *deployment*, and return the finished rollback."""
    await platform.application.deployments.rollback(platform.owner, deployment.id)
    return await platform.work()


async def test_instances_get_the_attached_volumes(platform: Platform, shop: Project) -> None:
    media = await create(platform, shop)
    await detach(platform, await create(platform, shop, name="old", mount_path="old"))

    running = await platform.deploy(shop)

    (started,) = platform.runtime.running.values()
    assert (media.mount,) == mounts(running) == started.settings.volumes
    assert started.settings.single_writer
    assert {media.id} == await platform.volume_files.ids()
    assert platform.volume_files.node == (await volumes(platform))[0].node
    assert 'The volume "media" is mounted at media.' in await platform.messages(running.id)


async def test_changes_apply_to_the_next_deployment(platform: Platform, shop: Project) -> None:
    media = await create(platform, shop)
    first = await platform.deploy(shop)
    changes = VolumeChanges(mount_path="uploads", access=VolumeAccess.MANY)
    changed = await platform.application.volumes.change(platform.owner, media.id, changes)

    second = await platform.deploy(shop)

    assert (media.mount,) == mounts(await platform.stored_deployment(first.id))
    assert (changed.mount,) == mounts(second)


async def test_declared_volumes_are_created_and_follow_the_file(
    platform: Platform, shop: Project
) -> None:
    """A volume that is no longer declared stays mounted."""
    declare(platform, '[volumes.media]\npath = "media"\n')
    await platform.deploy(shop)
    (created,) = await volumes(platform)
    declare(platform, '[volumes.media]\npath = "uploads"\naccess = "many"\n')
    await platform.deploy(shop)
    (changed,) = await volumes(platform)
    declare(platform, "")

    last = await platform.deploy(shop)

    line = "volume media: mounted at uploads [project, not in pushpaka.toml]"
    assert line in await platform.messages(last.id)
    assert ("media", VolumeAccess.ONE) == (created.mount_path, created.access)
    assert ("uploads", VolumeAccess.MANY) == (changed.mount_path, changed.access)
    assert created.id == changed.id
    assert (changed.mount,) == mounts(last)


async def test_rollback_mounts_the_volumes_of_its_release(
    platform: Platform, shop: Project
) -> None:
    """The paths are those of the release, and later volumes are left out."""
    media = await create(platform, shop)
    first = await platform.deploy(shop)
    await platform.application.volumes.change(
        platform.owner, media.id, VolumeChanges(mount_path="uploads")
    )
    await create(platform, shop, name="later", mount_path="later")
    await platform.deploy(shop)

    again = await roll_back(platform, first)

    assert (S.RUNNING, (media.mount,)) == (again.status, mounts(again))


@pytest.mark.parametrize("is_purged", [False, True])
async def test_rollback_without_its_volume_stops_nothing(
    platform: Platform, shop: Project, *, is_purged: bool
) -> None:
    media = await create(platform, shop)
    first = await platform.deploy(shop)
    await detach(platform, media)
    second = await platform.deploy(shop)
    await platform.worker_services.reconciler.finish_cutovers()
    await platform.overwrite(first.id, status=S.STOPPED)
    if is_purged:
        await platform.application.volumes.purge(
            platform.owner, media.id, VolumePurge(name="media")
        )

    failed = await roll_back(platform, first)

    fate = "was deleted" if is_purged else "was detached. Attach the volume again"
    assert (S.FAILED, S.RUNNING) == (failed.status, await platform.status(second.id))
    assert failed.error is not None
    assert f'This release uses the volume "media", which {fate}' in failed.error


async def test_rollback_works_after_the_volume_is_attached_again(
    platform: Platform, shop: Project
) -> None:
    media = await create(platform, shop)
    first = await platform.deploy(shop)
    await detach(platform, media)
    second = await platform.deploy(shop)
    await platform.application.volumes.attach(platform.owner, media.id, VolumeAttachment())

    again = await roll_back(platform, first)

    assert ((), (media.mount,)) == (mounts(second), mounts(again))


async def test_previews_never_see_the_volumes_of_production(
    platform: Platform, shop: Project
) -> None:
    """A preview gets an own volume if the setting says so, which ends with the preview."""
    secret = await create(platform, shop)
    await create(platform, shop, name="cache", mount_path="cache", preview=PreviewVolume.EMPTY)
    await platform.deploy(shop)

    first = await deploy_preview(platform, shop)
    second = await deploy_preview(platform, shop)
    other = await deploy_preview(platform, shop, "other")
    await delete_branch(platform, shop)

    production = {volume.id for volume in (await volumes(platform))[:2]}
    (own,), (of_other,) = mounts(first), mounts(other)
    assert (own,) == mounts(second)
    assert {"cache"} == {own.name, of_other.name}
    assert 4 == len({own.volume_id, of_other.volume_id} | production)
    assert {secret.id, *production} & {own.volume_id, of_other.volume_id} == set()
    attached = {volume.id: volume.is_attached for volume in await volumes(platform)}
    assert {**dict.fromkeys(production, True), own.volume_id: False, of_other.volume_id: True} == (
        attached
    )


async def take_snapshot(platform: Platform, volume: Volume, content: bytes) -> Snapshot:
    """Write *content* to a file of the volume, and take a snapshot."""
    await platform.volume_files.write(volume, chunks_of(tar_of([entry("file", content)]), 100_000))
    snapshot = await platform.application.snapshots.take(platform.owner, volume.id)
    await platform.worker_services.snapshot_taker.take_due()
    return await platform.application.snapshots.get(platform.owner, snapshot.id)


async def test_preview_starts_with_the_newest_snapshot(platform: Platform, shop: Project) -> None:
    """Later deployments of the preview keep its own files."""
    media = await create(platform, shop, preview=PreviewVolume.COPY)
    await platform.deploy(shop)
    for content in b"old", b"new":
        await take_snapshot(platform, media, content)
    await platform.volume_files.write(media, chunks_of(tar_of([entry("file", b"later")])))

    first = await deploy_preview(platform, shop)
    (_, copy) = await volumes(platform)
    found = (await unpacked(platform.volume_files.read(copy)))["file"][1]
    await platform.volume_files.write(copy, chunks_of(tar_of([entry("file", b"own")])))
    second = await deploy_preview(platform, shop)

    assert (S.RUNNING, S.RUNNING, b"new") == (first.status, second.status, found)
    assert b"own" == (await unpacked(platform.volume_files.read(copy)))["file"][1]
    messages = await platform.messages(first.id)
    assert any("contains production's snapshot of" in message for message in messages)


async def test_interrupted_copy_of_a_preview_is_repeated(platform: Platform, shop: Project) -> None:
    """A preview never starts with half of a snapshot."""
    media = await create(platform, shop, preview=PreviewVolume.COPY)
    await platform.deploy(shop)
    taken = await take_snapshot(platform, media, b"whole")
    assert taken.file_id is not None
    whole = platform.snapshot_files.files[taken.file_id]
    platform.snapshot_files.files[taken.file_id] = whole[:-20]
    failed = await deploy_preview(platform, shop)
    platform.snapshot_files.files[taken.file_id] = whole

    running = await deploy_preview(platform, shop)

    (_, copy) = await volumes(platform)
    assert (False, S.RUNNING) == (failed.status is S.RUNNING, running.status)
    assert b"whole" == (await unpacked(platform.volume_files.read(copy)))["file"][1]


@pytest.mark.parametrize(
    ("production", "message"),
    [(PreviewVolume.COPY, "has no snapshot"), (PreviewVolume.NONE, "Previews cannot copy")],
)
async def test_preview_copies_only_what_production_allows(
    platform: Platform, shop: Project, production: PreviewVolume, message: str
) -> None:
    """The pushpaka.toml of a pull request cannot make it see the files of production."""
    media = await create(platform, shop, preview=production)
    await platform.deploy(shop)
    if production is PreviewVolume.NONE:
        await take_snapshot(platform, media, b"secret")
    declare(platform, '[volumes.media]\npath = "media"\npreview = "copy"\n')

    preview = await deploy_preview(platform, shop, "main")

    assert S.FAILED is preview.status
    assert message in (preview.error or "")


async def test_canceled_preview_leaves_no_attached_volume(
    platform: Platform, shop: Project
) -> None:
    """The preview ends while its deployment is about to create the volume."""
    await create(platform, shop, preview=PreviewVolume.EMPTY)
    await platform.enqueue(shop, target="preview:next")
    lease = await platform.claim()
    await delete_branch(platform, shop)

    assert not await platform.worker_services.pipeline.prepare(lease)

    assert ["production"] == [volume.target for volume in await volumes(platform)]


async def promote(platform: Platform, preview: Deployment) -> Deployment:
    """Promote *preview*, and return the finished deployment of production."""
    await platform.application.deployments.promote(platform.owner, preview.id)
    return await platform.work()


async def test_promotion_mounts_the_volumes_of_production(
    platform: Platform, shop: Project
) -> None:
    """In containers, instances of one release can have different volumes."""
    media = await create(platform, shop, preview=PreviewVolume.EMPTY)
    await platform.deploy(shop)
    preview = await deploy_preview(platform, shop)
    platform.builder.packaging = Packaging.IMAGE
    queued = await platform.application.deployments.promote(platform.owner, preview.id)

    is_committed = await platform.another_engine().pipeline.prepare(await platform.claim())

    promoted = await platform.stored_deployment(queued.id)
    assert is_committed
    assert (media.mount,) == mounts(promoted)
    assert (media.mount,) != mounts(preview)


@pytest.mark.parametrize("access", VolumeAccess)
async def test_promotion_of_a_running_directory_stops_nothing(
    platform: Platform, shop: Project, access: VolumeAccess
) -> None:
    """The preview would see the files of production. Both remedies work."""
    media = await create(platform, shop, preview=PreviewVolume.EMPTY, access=access)
    old = await platform.deploy(shop)
    preview = await deploy_preview(platform, shop)
    before = await platform.instance(old.id)

    refused = await promote(platform, preview)
    is_same = before == await platform.instance(old.id)
    built = await platform.deploy(shop)
    await platform.application.active_deployments.stop(platform.owner, preview.id)
    await platform.worker_services.reconciler.stop_drained()
    promoted = await promote(platform, preview)

    assert is_same
    assert refused.error == (
        'This release is already running in "preview:next" with different volumes, and instances '
        'of a release share one directory. Stop "preview:next" and try again, or deploy the commit '
        "again to create a separate release."
    )
    assert (S.RUNNING, S.RUNNING) == (built.status, promoted.status)
    assert built.release_id != preview.release_id == promoted.release_id
    assert (media.mount,) == mounts(promoted)


async def test_promotion_with_the_same_volumes_needs_no_stop(
    platform: Platform, shop: Project
) -> None:
    await platform.deploy(shop)
    preview = await deploy_preview(platform, shop)

    promoted = await promote(platform, preview)

    assert (S.RUNNING, ()) == (promoted.status, mounts(promoted))


async def test_redeployed_writer_stops_before_its_release_gets_a_volume(
    platform: Platform, shop: Project
) -> None:
    """The instances of the same target that stop first do not count."""
    first = await platform.deploy(shop)
    media = await create(platform, shop)

    await platform.application.deployments.redeploy(platform.owner, first.id)
    second = await platform.work()

    assert (S.RUNNING, (media.mount,)) == (second.status, mounts(second))
    assert first.release_id == second.release_id


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ('replicas = 2\n[volumes.a]\npath = "a"', '2 replicas cannot use the volume "a"'),
        ('[volumes.a]\npath = "/data"', 'The path "/data" of the volume "a" must be a relative'),
        ('[volumes.a]\npath = "a"\n[volumes.b]\npath = "a/b"', "must not overlap"),
        (
            '[volumes.a]\npath = "src"\n[processes]\nweb = "node src/server.js"',
            (
                'The volume "a" cannot be mounted at src, because it would hide src/server.js, '
                "which the app needs."
            ),
        ),
    ],
)
async def test_impossible_mounts_fail_the_deployment_and_the_plan(
    platform: Platform, shop: Project, file: str, message: str
) -> None:
    declare(platform, file)

    failed = await platform.deploy(shop)
    with pytest.raises(PlanFailedError) as plan_failure:
        await platform.application.plans.plan(platform.owner, shop.id, PlanRequest())

    assert S.FAILED is failed.status
    assert failed.error is not None
    assert message in failed.error == str(plan_failure.value)
    assert [] == list(await volumes(platform))
    assert [] == platform.builder.requests


async def test_files_of_the_commit_at_a_mount_path_cause_a_warning(
    platform: Platform, shop: Project
) -> None:
    """Files that only keep an empty directory do not count."""
    await create(platform, shop, name="cache", mount_path="cache")
    await create(platform, shop)
    platform.commit(**{"media/a": "", "media/b/c": "", "media2/d": "", "cache/.gitkeep": ""})

    running = await platform.deploy(shop)

    assert S.RUNNING is running.status
    (warning,) = (
        line.message for line in await platform.lines(running.id) if line.level is LogLevel.WARN
    )
    assert (
        'The volume "media" is mounted at media, which has 2 files in the repository. The first '
        "deployment copies them into the volume, and later deployments do not update them."
    ) == warning


async def test_log_names_the_node_of_a_volume_if_there_are_several(
    platform: Platform, shop: Project
) -> None:
    async def machines() -> Sequence[ClusterNode]:
        return ()

    adapters = evolve(platform.adapters, list_cluster_nodes=machines)
    platform = evolve(platform, application=assemble(adapters, OPTIONS))
    await platform.take_node()
    await create(platform, shop)

    running = await platform.deploy(shop)

    line = 'The volume "media" is mounted at media on the node local.'
    assert line in await platform.messages(running.id)


async def test_plan_lists_the_volumes(platform: Platform, shop: Project) -> None:
    await create(platform, shop, name="old", mount_path="old")
    declare(platform, '[volumes.media]\npath = "media"\npreview = "empty"')

    plan = await platform.application.plans.plan(platform.owner, shop.id, PlanRequest())
    of_preview = await platform.application.plans.plan(
        platform.owner, shop.id, PlanRequest(target="preview:next")
    )

    assert ["media", "old"] == [volume.name for volume in plan.volumes]
    assert (
        "volume media: mounted at media [pushpaka.toml]",
        "volume old: mounted at old [project, not in pushpaka.toml]",
    ) == plan.explanation[-2:]
    assert ["media"] == [volume.name for volume in of_preview.volumes]


async def test_lost_files_fail_the_deployment(platform: Platform, shop: Project) -> None:
    """An app that starts with an empty volume would hide a lost disk."""
    media = await create(platform, shop)
    first = await platform.deploy(shop)
    await platform.volume_files.delete(media)

    failed = await platform.deploy(shop)

    assert (S.FAILED, S.RUNNING) == (failed.status, await platform.status(first.id))
    assert 'The files of the volume "media" were not found on local.' in (failed.error or "")
    assert set() == await platform.volume_files.ids()


async def test_declared_volume_that_is_detached_is_not_replaced(
    platform: Platform, shop: Project
) -> None:
    """Once it is purged, the app can start with an empty one."""
    declare(platform, '[volumes.media]\npath = "media"')
    first = await platform.deploy(shop)
    (media,) = await volumes(platform)
    await detach(platform, media)

    failed = await platform.deploy(shop)
    with pytest.raises(PlanFailedError) as plan_failure:
        await platform.application.plans.plan(platform.owner, shop.id, PlanRequest())
    still = await platform.status(first.id)
    await platform.application.volumes.attach(platform.owner, media.id, VolumeAttachment())
    attached = await platform.deploy(shop)
    await detach(platform, media)
    for deployment in first, attached:
        await platform.overwrite(deployment.id, status=S.STOPPED)
    await platform.application.volumes.purge(platform.owner, media.id, VolumePurge(name="media"))
    purged = await platform.deploy(shop)

    assert (S.FAILED, S.RUNNING) == (failed.status, still)
    assert 'The volume "media" is detached' in str(plan_failure.value) == failed.error
    (new,) = await volumes(platform)
    assert ((media.mount,), (new.mount,)) == (mounts(attached), mounts(purged))
    assert media.id != new.id


async def test_unavailable_node_queues_the_deployment_again(
    platform: Platform, shop: Project
) -> None:
    await create(platform, shop)
    platform.volume_files.is_unavailable = True
    queued = await platform.deploy(shop)
    platform.volume_files.is_unavailable = False

    running = await platform.work()

    assert (S.QUEUED, S.RUNNING) == (queued.status, running.status)
    assert queued.id == running.id


async def test_new_replicas_mount_the_volumes(platform: Platform, shop: Project) -> None:
    media = await create(platform, shop, access=VolumeAccess.MANY)
    await platform.deploy(shop)

    async with platform.storage.transaction() as uow:
        project = await uow.projects.visible_to(PLATFORM).get(shop.id)
        await uow.projects.update(evolve(project, replicas=2))
    await platform.deploy(shop)

    assert {(media.mount,)} == {
        started.settings.volumes for started in platform.runtime.running.values()
    }


async def test_deployment_cannot_exceed_the_quota_of_volumes() -> None:
    async with open_platform(options=evolve(OPTIONS, quotas=Quotas(volumes=0))) as platform:
        declare(platform, '[volumes.media]\npath = "media"')

        failed = await platform.deploy(await platform.project())

    assert failed.error is not None
    assert 'The volume "media" cannot be created. You have reached the limit' in failed.error
