"""What runs is run as it was deployed, whatever its project says by now."""

from typing import Any

import pytest
from tests.services.platform import Platform

from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.instances import MOST_MISSES
from pushpaka_core.domain.projects import Project, ProjectChanges

pytestmark = pytest.mark.anyio


async def change(platform: Platform, project: Project, **settings: Any) -> None:
    """Change settings of a project."""
    changes = ProjectChanges(**settings)
    await platform.application.projects.change(platform.owner, project.id, changes)


async def probed_paths(platform: Platform) -> list[str | None]:
    """Return where the instances that serve are probed."""
    platform.prober.probes.clear()
    await platform.engine.tending.check_liveness()
    return [probe.path for probe in platform.prober.probes]


async def test_what_runs_is_probed_as_before(platform: Platform) -> None:
    """A new health check path, and a time-out, are nothing to an application that runs."""
    shop = await platform.project(health_check_path="/up")
    running = await platform.served(shop)
    kept = (await platform.row(running.id)).run_settings

    await change(platform, shop, health_check_path="/nowhere", health_check_timeout=1)

    assert ["/up"] * MOST_MISSES == [
        path for _ in range(MOST_MISSES) for path in await probed_paths(platform)
    ]
    assert kept == (await platform.row(running.id)).run_settings


async def test_a_restart_takes_the_same_settings(platform: Platform) -> None:
    """New instances of what runs may take as much as the old ones."""
    shop = await platform.project(replicas=2, memory_limit=256)
    running = await platform.served(shop)
    await change(platform, shop, memory_limit=64)
    await platform.application.serving.restart(platform.owner, running.id)

    await platform.engine.restarting.restart()

    assert [1, 1, 2, 2] == [i.generation for i in await platform.instances(running.id)]
    assert {256} == {r.settings.memory_limit for r in platform.runtime.living.values()}


async def test_the_next_deployment_takes_the_new_ones(platform: Platform, shop: Project) -> None:
    """A redeployment of the same release does too."""
    await platform.served(shop)
    await change(platform, shop, health_check_path="/one")
    deployed = await platform.served(shop)
    await change(platform, shop, health_check_path="/two", replicas=2)

    await platform.application.deployments.redeploy(platform.owner, deployed.id)
    redeployed = await platform.work()

    assert "/one" == path_of(deployed)
    assert "/two" == path_of(redeployed)
    assert 2 == len(await platform.instances(redeployed.id))


async def test_a_rollback_brings_the_old_ones_back(platform: Platform, shop: Project) -> None:
    """What ran without a path is probed without, though its project has one since."""
    old = await platform.served(shop)
    await change(platform, shop, health_check_path="/up", memory_limit=64)
    await platform.served(shop)
    platform.prober.probes.clear()

    await platform.application.deployments.rollback(platform.owner, old.id)
    back = await platform.work()

    assert [None] == [probe.path for probe in platform.prober.probes]
    assert old.run_settings == back.run_settings


def path_of(deployment: Deployment) -> str | None:
    """Return the health check path that a deployment keeps."""
    assert deployment.run_settings is not None
    return deployment.run_settings.health_check_path
