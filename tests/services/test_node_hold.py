"""What a process may still do that was stopped for long, while another took its node."""

from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, cast

import pytest
from tests.faults.stage import Actor, StagedStorage
from tests.services.platform import Platform, open_platform

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.instances import MOST_MISSES
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.services.node_hold import NodeHold

pytestmark = pytest.mark.anyio

Verb = Callable[[], Awaitable[None]]
Scene = Callable[[Platform, Deployment], Awaitable[Verb]]


async def overtake(platform: Platform) -> None:
    """Let another process take the node."""
    hold = NodeHold(platform.storage, platform.engine.node)
    await hold.take("another", instead_of=await hold.look())


async def crash(platform: Platform, running: Deployment) -> None:
    platform.runtime.crash((await platform.instance(running.id)).name)


async def miss(platform: Platform, running: Deployment, times: int) -> None:
    """Let the instance miss probes."""
    port = (await platform.instance(running.id)).port or 0
    platform.prober.complaints[port] = "it did not answer"
    for _ in range(times):
        await platform.engine.tending.check_liveness()


async def a_crash_to_be_noted(platform: Platform, running: Deployment) -> Verb:
    await crash(platform, running)
    return platform.engine.tending.tend


async def a_crashed_instance_to_be_started(platform: Platform, running: Deployment) -> Verb:
    await crash(platform, running)
    await platform.engine.tending.tend()
    platform.clock.tick(1)
    return platform.engine.tending.tend


async def a_silent_instance_to_be_ended(platform: Platform, running: Deployment) -> Verb:
    await miss(platform, running, MOST_MISSES - 1)
    return platform.engine.tending.check_liveness


async def a_restart_to_be_begun(platform: Platform, running: Deployment) -> Verb:
    await platform.application.serving.restart(platform.owner, running.id)
    return platform.engine.restarting.restart


async def a_restart_to_be_finished(platform: Platform, running: Deployment) -> Verb:
    await platform.application.serving.restart(platform.owner, running.id)
    await platform.engine.restarting.restart()
    return platform.engine.restarting.restart


async def a_restart_to_be_gone_on_with(platform: Platform, running: Deployment) -> Verb:
    await platform.application.serving.restart(platform.owner, running.id)
    await platform.engine.restarting.restart()
    (new,) = [i for i in await platform.instances(running.id) if i.generation > 1]
    platform.runtime.lose(new.name)
    return platform.engine.restarting.restart


async def a_restart_to_be_given_up(platform: Platform, running: Deployment) -> Verb:
    await platform.application.serving.restart(platform.owner, running.id)
    platform.runtime.early_exit = "exited with code 1"
    await platform.engine.restarting.restart()
    return platform.engine.restarting.restart


SCENES: tuple[Scene, ...] = (
    a_crash_to_be_noted,
    a_crashed_instance_to_be_started,
    a_silent_instance_to_be_ended,
    a_restart_to_be_begun,
    a_restart_to_be_finished,
    a_restart_to_be_gone_on_with,
    a_restart_to_be_given_up,
)


async def everything(platform: Platform, running: Deployment) -> tuple[Any, ...]:
    """Return all that a reconciler could change."""
    return (
        await platform.row(running.id),
        list(await platform.instances()),
        set(platform.runtime.living),
        await platform.said(running.id),
        await platform.causes(running.id),
        dict(platform.routes()),
    )


@pytest.mark.parametrize("scene", SCENES)
async def test_a_stale_holder_changes_nothing(
    platform: Platform, shop: Project, scene: Scene
) -> None:
    """Neither rows nor programs: what is to be done is done by who has the node."""
    running = await platform.served(shop)
    verb = await scene(platform, running)
    await overtake(platform)
    before = await everything(platform, running)

    with pytest.raises(LeaseLostError):
        await verb()

    assert before == await everything(platform, running)


@pytest.mark.parametrize("scene", SCENES)
async def test_the_holder_does_it(platform: Platform, shop: Project, scene: Scene) -> None:
    """The same scenes have something to do in them."""
    running = await platform.served(shop)
    verb = await scene(platform, running)
    before = await everything(platform, running)

    await verb()

    assert before != await everything(platform, running)


async def test_a_holder_that_is_stopped_in_a_verb_does_no_harm_when_it_goes_on() -> None:
    """It had decided to end an instance that answers again by now, and does not."""
    storage = StagedStorage(MemoryStorage())
    async with open_platform(cast("MemoryStorage", storage)) as platform:
        running = await platform.served(await platform.project())
        await miss(platform, running, MOST_MISSES - 1)
        stopped = Actor()
        stopped.begin(cast("Any", platform.engine.tending.check_liveness))
        await stopped.step(1)
        assert not stopped.is_over
        platform.prober.complaints.clear()
        await overtake(platform)
        before = await everything(platform, running)

        await stopped.step(inf)

        assert isinstance(stopped.error, LeaseLostError)
        assert before == await everything(platform, running)


async def test_what_instances_say_is_written_by_the_holder_alone(
    platform: Platform, shop: Project
) -> None:
    """Two that read the same output do not both write it."""
    running = await platform.served(shop)
    await overtake(platform)
    before = await platform.said(running.id)

    async with platform.engine.instance_logs.open(running.id, Redactor()) as log:
        await log.say("again", Phase.RUN)

    assert before == await platform.said(running.id)


async def test_who_never_took_the_node_may_not_act_there(platform: Platform) -> None:
    """Also where nobody else has it."""
    hold = NodeHold(platform.storage, "node-2")

    with pytest.raises(LeaseLostError, match="does not look after the node node-2"):
        await hold.require()


async def test_a_lost_worker_is_looked_after_by_anybody(platform: Platform, shop: Project) -> None:
    """What may be done about a silent job is decided by the job's own lease."""
    await platform.queued(shop)
    lease = await platform.claimed()
    await overtake(platform)

    assert await platform.engine.reconciliation.requeue(lease)
