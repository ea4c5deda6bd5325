"""Another number of replicas takes effect on what runs, without a deployment."""

from collections.abc import Sequence
from typing import cast

import pytest
from attrs import evolve
from tests.services.platform import FAST, Platform
from tests.services.scenes import Scene, open_stage, scenes

from pushpaka_core.domain.deployment_steps import IN_WORK, DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION
from pushpaka_core.domain.instances import Instance, InstanceState
from pushpaka_core.domain.projects import Project, ProjectChanges
from pushpaka_core.errors import PlatformFaultError, StartError

pytestmark = pytest.mark.anyio

DRAIN = FAST.drain.total_seconds()
ON_THEIR_WAY = [
    scene
    for scene in scenes()
    if scene.target == PRODUCTION and scene.status in {DeploymentStatus.QUEUED, *IN_WORK}
]


async def scale(platform: Platform, project: Project, replicas: int | None) -> None:
    """Change the number as an owner does."""
    await platform.application.projects.change(
        platform.owner, project.id, ProjectChanges(replicas=replicas)
    )


async def step(platform: Platform, times: int = 1) -> None:
    """Let the reconciler look."""
    for _ in range(times):
        await platform.engine.restarting.restart()
        await platform.engine.tending.tend()


def indexes(instances: Sequence[Instance]) -> list[int]:
    """Return which replicas they are."""
    return sorted(instance.index for instance in instances)


async def test_more_are_started_and_routed_once_they_are_healthy(
    platform: Platform, shop: Project
) -> None:
    """Those that serve go on as they are, and get company when it answers."""
    running = await platform.served(shop)
    first = await platform.instance(running.id)
    await scale(platform, shop, 3)
    await step(platform)
    before = platform.routes()["shop.localhost"]

    await platform.engine.tending.tend()

    instances = await platform.instances(running.id)
    assert ([0, 1, 2], first) == (indexes(instances), next(i for i in instances if i.index == 0))
    assert (first.port,) == before
    assert {i.port for i in instances} == set(platform.routes()["shop.localhost"])
    assert 1 == len(platform.builder.requests)


async def test_fewer_get_no_more_requests_and_end_after_their_time(platform: Platform) -> None:
    """What they have begun they may finish, as in any other switch."""
    project = await platform.project("shop", replicas=4)
    running = await platform.served(project)
    await scale(platform, project, 2)

    await step(platform)
    leaving = [i for i in await platform.instances(running.id) if i.stop_at is not None]
    routed = set(platform.routes()["shop.localhost"])
    platform.clock.tick(DRAIN)
    await step(platform)

    left = await platform.instances(running.id)
    assert ([2, 3], [0, 1]) == (indexes(leaving), indexes(left))
    assert {i.port for i in left} == routed
    assert {i.name for i in left} == set(platform.runtime.living)


async def test_what_is_retired_makes_room_where_there_is_none(
    platform: Platform, shop: Project
) -> None:
    """Whoever waits for a port does not keep the one from going that it waits for."""
    running = await platform.served(shop)
    await scale(platform, shop, 2)
    await step(platform, times=2)
    await scale(platform, shop, 1)
    await step(platform)
    (leaving,) = [i for i in await platform.instances(running.id) if i.stop_at is not None]
    await scale(platform, shop, 2)
    platform.clock.tick(DRAIN)
    restarting = platform.engine.restarting
    ports = [i.port for i in await platform.instances(running.id)]
    starting = evolve(restarting._starting, ports=cast("range", ports))
    crowded = evolve(restarting, scaling=evolve(restarting._scaling, starting=starting))

    with pytest.raises(PlatformFaultError, match="in use"):
        await crowded.restart()
    await crowded.restart()

    left = await platform.instances(running.id)
    assert ([0, 1], False) == (indexes(left), leaving.id in {i.id for i in left})


async def test_the_timeline_says_who_scaled(platform: Platform, shop: Project) -> None:
    """It stays the same deployment, which keeps its number over restarts."""
    running = await platform.served(shop)

    await scale(platform, shop, 2)
    await step(platform, times=2)
    await platform.application.serving.restart(platform.owner, running.id)
    await step(platform)

    assert "It is scaled from 1 to 2" in await platform.causes(running.id)
    assert [1, 1, 2, 2] == sorted(i.generation for i in await platform.instances(running.id))


@pytest.mark.parametrize("scene", ON_THEIR_WAY, ids=str)
async def test_what_is_on_its_way_comes_with_the_number_of_today(scene: Scene) -> None:
    """Whatever step it is at when somebody scales, and nobody has to deploy once more."""
    async with open_stage(scene) as stage:
        await scale(stage.platform, stage.project, 3)
        await stage.settle()

        assert DeploymentStatus.RUNNING is (await stage.platform.row(stage.it.id)).status
        assert [0, 1, 2] == indexes(await stage.platform.instances(stage.it.id))


async def test_a_rollback_that_waits_comes_with_the_number_of_today(
    platform: Platform, shop: Project
) -> None:
    """It runs as it ran before but for what was asked for since it was."""
    before = await platform.served(shop)
    await platform.served(shop)
    back = await platform.application.deployments.rollback(platform.owner, before.id)
    await scale(platform, shop, 2)

    await platform.work()

    assert [0, 1] == indexes(await platform.instances(back.id))


async def test_a_choice_that_is_taken_back_leaves_what_the_repository_says(
    platform: Platform,
) -> None:
    """Without a number of the project, that of its repository holds again."""
    platform.commit(**{"pushpaka.toml": "replicas = 2\n"})
    project = await platform.project("shop", replicas=1)
    running = await platform.served(project)

    await scale(platform, project, None)
    await step(platform)

    assert [0, 1] == indexes(await platform.instances(running.id))


async def test_what_does_not_serve_is_left_as_it_is(platform: Platform, shop: Project) -> None:
    """A stopped deployment gets no new instances, and the next one has the new number."""
    running = await platform.served(shop)
    await platform.application.serving.stop(platform.owner, running.id)
    await scale(platform, shop, 2)

    await step(platform)
    await platform.engine.reconciliation.stop_drained()

    assert DeploymentStatus.STOPPED is (await platform.row(running.id)).status
    assert [] == await platform.instances(running.id)
    assert [0, 1] == indexes(await platform.instances((await platform.served(shop)).id))


async def test_one_that_cannot_be_started_is_tried_again_while_the_others_serve(
    platform: Platform, shop: Project
) -> None:
    """The deployment runs as long as one of its replicas does."""
    running = await platform.served(shop)
    first = await platform.instance(running.id)
    platform.runtime.failure = StartError("There is no room.")
    await scale(platform, shop, 2)
    await step(platform)
    failed = [i for i in await platform.instances(running.id) if i.id != first.id]

    platform.runtime.failure = None
    platform.clock.tick(5)
    await step(platform, times=2)

    assert [InstanceState.CRASHED] == [i.state for i in failed]
    assert DeploymentStatus.RUNNING is (await platform.row(running.id)).status
    assert [0, 1] == indexes(await platform.instances(running.id))
    assert 2 == len(platform.routes()["shop.localhost"])


async def test_replicas_are_told_apart_in_the_log(platform: Platform) -> None:
    """Lines of several are one numbered stream, and each begins with whose it is."""
    platform.runtime.greeting = "Hello.\n"
    project = await platform.project("shop", replicas=2)
    single = await platform.project("single")

    running, alone = await platform.served(project), await platform.served(single)

    said = [line for line in await platform.said(running.id) if line.endswith("Hello.")]
    assert ["web.1 | Hello.", "web.2 | Hello."] == sorted(said)
    assert "Hello." in await platform.said(alone.id)


async def test_an_instance_is_reached_where_its_runtime_has_put_it(
    platform: Platform, shop: Project
) -> None:
    """It is probed and routed there, and after a move at the new place."""
    platform.runtime.host = "10.0.0.7"
    running = await platform.served(shop)
    first = await platform.instance(running.id)

    platform.runtime.host = "10.0.0.8"
    await platform.engine.tending.check_liveness()
    await platform.engine.reconciliation.mend_routes()

    routes = {route.name: route.upstreams for route in platform.router.routes}
    assert ("10.0.0.7", "10.0.0.8") == (
        first.host,
        (await platform.instance(running.id)).host,
    )
    assert ["10.0.0.8"] == [upstream.host for upstream in routes["project-shop"]]
    assert {"10.0.0.7", "10.0.0.8"} == {probe.host for probe in platform.prober.probes}
    assert evolve(first, host="10.0.0.8").port == first.port
