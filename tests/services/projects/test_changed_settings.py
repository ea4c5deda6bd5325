"""Changed project settings do not affect deployments that are already running."""

from typing import Any

import pytest
from tests.platform_fixtures import Platform

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.instances.instances import MAX_FAILED_PROBES
from pushpaka_core.domain.projects.projects import Project, ProjectChanges

pytestmark = pytest.mark.anyio


async def change(platform: Platform, project: Project, **settings: Any) -> None:
    """Change settings of a project."""
    changes = ProjectChanges(**settings)
    await platform.application.projects.change(platform.owner, project.id, changes)


async def probed_paths(platform: Platform) -> list[str | None]:
    """Run a round of health checks, and return the paths that were probed."""
    platform.prober.probes.clear()
    await platform.worker_services.instance_supervisor.check_liveness()
    return [probe.path for probe in platform.prober.probes]


async def test_running_instances_are_probed_as_before(platform: Platform) -> None:
    shop = await platform.project(health_check_path="/up")
    running = await platform.deploy(shop)
    kept = (await platform.stored_deployment(running.id)).run_settings

    await change(platform, shop, health_check_path="/nowhere", health_check_timeout=1)

    assert ["/up"] * MAX_FAILED_PROBES == [
        path for _ in range(MAX_FAILED_PROBES) for path in await probed_paths(platform)
    ]
    assert kept == (await platform.stored_deployment(running.id)).run_settings


async def test_a_restart_keeps_the_settings(platform: Platform) -> None:
    shop = await platform.project(replicas=2, memory_limit=256)
    running = await platform.deploy(shop)
    await change(platform, shop, memory_limit=64)
    await platform.application.active_deployments.restart(platform.owner, running.id)

    await platform.worker_services.rolling_restart.advance()

    assert [1, 1, 2, 2] == [i.generation for i in await platform.instances(running.id)]
    assert {256} == {r.settings.memory_limit for r in platform.runtime.running.values()}


async def test_the_next_deployment_uses_the_new_settings(platform: Platform, shop: Project) -> None:
    await platform.deploy(shop)
    await change(platform, shop, health_check_path="/one")
    deployed = await platform.deploy(shop)
    await change(platform, shop, health_check_path="/two", replicas=2)

    await platform.application.deployments.redeploy(platform.owner, deployed.id)
    redeployed = await platform.work()

    assert "/one" == path_of(deployed)
    assert "/two" == path_of(redeployed)
    assert 2 == len(await platform.instances(redeployed.id))


async def test_a_rollback_restores_the_old_settings(platform: Platform, shop: Project) -> None:
    old = await platform.deploy(shop)
    await change(platform, shop, health_check_path="/up", memory_limit=64)
    await platform.deploy(shop)
    platform.prober.probes.clear()

    await platform.application.deployments.rollback(platform.owner, old.id)
    back = await platform.work()

    assert [None, None] == [probe.path for probe in platform.prober.probes]
    assert old.run_settings == back.run_settings


def path_of(deployment: Deployment) -> str | None:
    """Return the health check path that *deployment* uses."""
    assert deployment.run_settings is not None
    return deployment.run_settings.health_check_path
