"""A new number of replicas applies to the active deployment without a redeployment."""

from collections.abc import Sequence
from typing import cast

import pytest
from attrs import evolve
from tests.platform_fixtures import FAST, Platform
from tests.services.deployment_states import DeploymentCase, all_cases, open_case
from tests.services.deployments.test_previews import deploy_preview

from pushpaka_core.domain.deployments.state_machine import IN_PROGRESS, DeploymentStatus
from pushpaka_core.domain.instances.instances import Instance, InstanceState
from pushpaka_core.domain.projects.projects import Project, ProjectChanges
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import NewVolume, VolumeChanges
from pushpaka_core.errors import ConflictError, PlatformFaultError, StartError

pytestmark = pytest.mark.anyio

DRAIN = FAST.drain_time.total_seconds()
UNFINISHED = [
    scene
    for scene in all_cases()
    if scene.target == PRODUCTION and scene.status in {DeploymentStatus.QUEUED, *IN_PROGRESS}
]


async def scale(platform: Platform, project: Project, replicas: int | None) -> None:
    """Change the number of replicas, as the owner of the project does."""
    await platform.application.projects.change(
        platform.owner, project.id, ProjectChanges(replicas=replicas)
    )


async def reconcile(platform: Platform, times: int = 1) -> None:
    """Run *times* rounds of the reconciler."""
    for _ in range(times):
        await platform.worker_services.rolling_restart.advance()
        await platform.worker_services.instance_supervisor.check_all()


def indexes(instances: Sequence[Instance]) -> list[int]:
    """Return the replica indexes of the web instances."""
    return sorted(instance.index for instance in instances)


async def test_additional_replicas_are_routed_once_healthy(
    platform: Platform, shop: Project
) -> None:
    running = await platform.deploy(shop)
    first = await platform.instance(running.id)
    await scale(platform, shop, 3)
    await reconcile(platform)
    await platform.worker_services.instance_supervisor.check_all()
    before = platform.routes()["shop.localhost"]

    await platform.worker_services.instance_supervisor.check_all()

    instances = await platform.instances(running.id)
    assert ([0, 1, 2], first) == (indexes(instances), next(i for i in instances if i.index == 0))
    assert (first.port,) == before
    assert {i.port for i in instances} == set(platform.routes()["shop.localhost"])
    assert 1 == len(platform.builder.requests)


async def test_surplus_replicas_are_drained_and_stopped(platform: Platform) -> None:
    project = await platform.project("shop", replicas=4)
    running = await platform.deploy(project)
    await scale(platform, project, 2)

    await reconcile(platform)
    leaving = [i for i in await platform.instances(running.id) if i.stop_at is not None]
    routed = set(platform.routes()["shop.localhost"])
    platform.clock.advance(DRAIN)
    await reconcile(platform)

    left = await platform.instances(running.id)
    assert ([2, 3], [0, 1]) == (indexes(leaving), indexes(left))
    assert {i.port for i in left} == routed
    assert {i.name for i in left} == set(platform.runtime.running)


async def test_retired_replicas_free_their_ports(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    await scale(platform, shop, 2)
    await reconcile(platform, times=2)
    await scale(platform, shop, 1)
    await reconcile(platform)
    (leaving,) = [i for i in await platform.instances(running.id) if i.stop_at is not None]
    await scale(platform, shop, 2)
    platform.clock.advance(DRAIN)
    rolling_restart = platform.worker_services.rolling_restart
    ports = [i.port for i in await platform.instances(running.id)]
    rows = evolve(rolling_restart._instance_scaler._rows, ports=cast("range", ports))
    crowded = evolve(
        rolling_restart, instance_scaler=evolve(rolling_restart._instance_scaler, rows=rows)
    )

    with pytest.raises(PlatformFaultError, match="in use"):
        await crowded.advance()
    await crowded.advance()

    left = await platform.instances(running.id)
    assert ([0, 1], False) == (indexes(left), leaving.id in {i.id for i in left})


async def test_the_timeline_names_the_user_who_scaled(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)

    await scale(platform, shop, 2)
    await reconcile(platform, times=2)
    await platform.application.active_deployments.restart(platform.owner, running.id)
    await reconcile(platform)

    assert "Scaled from 1 to 2 replicas" in await platform.causes(running.id)
    assert [1, 1, 2, 2] == sorted(i.generation for i in await platform.instances(running.id))


@pytest.mark.parametrize("deployment_case", UNFINISHED, ids=str)
async def test_a_deployment_in_progress_uses_the_new_number(
    deployment_case: DeploymentCase,
) -> None:
    async with open_case(deployment_case) as stage:
        await scale(stage.platform, stage.project, 3)
        await stage.run_to_completion()

        assert (
            DeploymentStatus.RUNNING
            is (await stage.platform.stored_deployment(stage.deployment.id)).status
        )
        assert [0, 1, 2] == indexes(await stage.platform.instances(stage.deployment.id))


async def test_a_queued_rollback_uses_the_new_number(platform: Platform, shop: Project) -> None:
    before = await platform.deploy(shop)
    await platform.deploy(shop)
    back = await platform.application.deployments.rollback(platform.owner, before.id)
    await scale(platform, shop, 2)

    await platform.work()

    assert [0, 1] == indexes(await platform.instances(back.id))


async def test_unsetting_the_number_uses_that_of_the_repository(
    platform: Platform,
) -> None:
    platform.commit(**{"pushpaka.toml": "replicas = 2\n"})
    project = await platform.project("shop", replicas=1)
    running = await platform.deploy(project)

    await scale(platform, project, None)
    await reconcile(platform)

    assert [0, 1] == indexes(await platform.instances(running.id))


async def test_an_inactive_deployment_is_not_scaled(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    await platform.application.active_deployments.stop(platform.owner, running.id)
    await scale(platform, shop, 2)

    await reconcile(platform)
    await platform.worker_services.reconciler.stop_drained()

    assert DeploymentStatus.STOPPED is await platform.status(running.id)
    assert [] == await platform.instances(running.id)
    assert [0, 1] == indexes(await platform.instances((await platform.deploy(shop)).id))


async def test_a_replica_that_fails_to_start_is_retried(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    first = await platform.instance(running.id)
    platform.runtime.failure = StartError("There is no room.")
    await scale(platform, shop, 2)
    await reconcile(platform)
    failed = [i for i in await platform.instances(running.id) if i.id != first.id]

    platform.runtime.failure = None
    platform.clock.advance(5)
    await reconcile(platform, times=2)

    assert [InstanceState.CRASHED] == [i.state for i in failed]
    assert DeploymentStatus.RUNNING is await platform.status(running.id)
    assert [0, 1] == indexes(await platform.instances(running.id))
    assert 2 == len(platform.routes()["shop.localhost"])


async def test_log_lines_name_the_replica(platform: Platform) -> None:
    platform.runtime.greeting = "Hello.\n"
    project = await platform.project("shop", replicas=2)
    single = await platform.project("single")

    running, alone = await platform.deploy(project), await platform.deploy(single)

    lines = [line for line in await platform.messages(running.id) if line.endswith("Hello.")]
    assert ["web.1 | Hello.", "web.2 | Hello."] == sorted(lines)
    assert "Hello." in await platform.messages(alone.id)


async def test_upstreams_use_the_host_that_the_runtime_chose(
    platform: Platform, shop: Project
) -> None:
    platform.runtime.host = "10.0.0.7"
    running = await platform.deploy(shop)
    first = await platform.instance(running.id)

    platform.runtime.host = "10.0.0.8"
    await platform.worker_services.instance_supervisor.check_liveness()
    await platform.worker_services.reconciler.repair_routes()

    routes = {route.name: route.upstreams for route in platform.router.routes}
    assert ("10.0.0.7", "10.0.0.8") == (first.host, (await platform.instance(running.id)).host)
    assert ["10.0.0.8"] == [upstream.host for upstream in routes["project-shop"]]
    assert {"10.0.0.7", "10.0.0.8"} == {probe.host for probe in platform.prober.probes}
    assert evolve(first, host="10.0.0.8").port == first.port


@pytest.mark.parametrize("processes", [("web",), ("web", "worker"), ("worker",)])
async def test_scaling_and_deployments_reject_replicas_with_the_same_sentence(
    platform: Platform, shop: Project, processes: Sequence[str]
) -> None:
    """The process types share the volume. A later commit may add a web process with replicas."""
    procfile = "".join(f"{name}: ./{name}\n" for name in processes)
    new = NewVolume(project_id=shop.id, name="data", mount_path="data")
    await platform.application.volumes.create(platform.owner, new)
    platform.commit(Procfile=procfile)
    running = await platform.deploy(shop)

    with pytest.raises(ConflictError) as conflict:
        await scale(platform, shop, 2)
    platform.commit(**{"Procfile": procfile, "pushpaka.toml": "replicas = 2\n"})
    failed = await platform.deploy(shop)

    sentence = (
        '2 replicas cannot use the volume "data" because its access is "one". Use 1 replica, or '
        'change the access to "many" if the app can share its files.'
    )
    instances = await platform.instances(running.id)
    assert [*processes] == sorted(instance.process_type for instance in instances)
    assert sentence == str(conflict.value) == failed.error


async def test_changed_access_applies_to_replicas_after_a_deployment(
    platform: Platform, shop: Project
) -> None:
    new = NewVolume(project_id=shop.id, name="data", mount_path="data")
    volume = await platform.application.volumes.create(platform.owner, new)
    await platform.deploy(shop)
    await platform.application.volumes.change(
        platform.owner, volume.id, VolumeChanges(access=VolumeAccess.MANY)
    )

    with pytest.raises(ConflictError, match='"data" with the access "one"'):
        await scale(platform, shop, 2)
    running = await platform.deploy(shop)
    await scale(platform, shop, 2)
    await reconcile(platform)

    assert [0, 1] == indexes(await platform.instances(running.id))


async def test_previews_for_one_instance_do_not_prevent_scaling(
    platform: Platform, shop: Project
) -> None:
    """Anybody who can push a branch decides about its volumes."""
    running = await platform.deploy(shop)
    platform.commit(**{"pushpaka.toml": '[volumes.data]\npath = "data"\npreview = "empty"\n'})
    preview = await deploy_preview(platform, shop)

    await scale(platform, shop, 2)
    await reconcile(platform, times=2)

    assert [0, 1] == indexes(await platform.instances(running.id))
    assert [0] == indexes(await platform.instances(preview.id))
