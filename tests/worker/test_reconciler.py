"""The reconciler's loops, beside workers that live, die and lose their way."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from pathlib import Path
from typing import cast

import pytest
from anyio import create_task_group, fail_after, sleep
from tests.services.platform import FAST, Platform, open_platform, reconciler_of, until_logged

from pushpaka_core.adapters.memory.runtime import Listening
from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.instances import Instance, InstanceState
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.background import alongside

pytestmark = pytest.mark.anyio

S = DeploymentStatus


def runs(deployment: Deployment) -> bool:
    return deployment.status is S.RUNNING


async def test_a_silent_worker_is_replaced(platform: Platform, shop: Project) -> None:
    """A job whose worker says nothing any more is done by another."""
    await platform.queued(shop)
    lease = await platform.claimed()

    async with alongside(platform.reconciler().run), alongside(platform.worker().run):
        running = await platform.until(lease.deployment_id, runs)

    assert lease.fence + 1 == running.fence


async def test_a_living_worker_is_left_alone(platform: Platform, shop: Project) -> None:
    """As long as it beats, a job may take its time."""
    platform.builder.is_hanging = True
    queued = await platform.queued(shop)
    async with alongside(platform.reconciler().run), alongside(platform.worker().run):
        await platform.until(queued.id, lambda d: d.phase is Phase.BUILD)

        building = await platform.until(queued.id, lambda d: d.heartbeat >= 10)

    assert (S.BUILDING, 1) == (building.status, building.fence)


async def test_a_worker_that_died_behind_the_commit_point_is_not_missed(
    platform: Platform, shop: Project
) -> None:
    """The switch is finished, the old one drained and stopped."""
    old = await platform.served(shop)
    await platform.queued(shop)
    lease = await platform.claimed()
    await platform.engine.pipeline.prepare(lease)

    async with alongside(platform.reconciler().run):
        await platform.until(lease.deployment_id, runs)
        platform.clock.tick(30)
        await platform.until(old.id, lambda d: d.status is S.STOPPED)

    assert 1 == len(platform.runtime.living)


async def test_all_leases_are_taken_back_at_a_start(platform: Platform, shop: Project) -> None:
    """Who alone holds the data directory need not wait for silence."""
    await platform.queued(shop)
    lease = await platform.claimed()

    await platform.reconciler().requeue_all()

    assert S.QUEUED is (await platform.row(lease.deployment_id)).status


async def test_a_crash_is_mended_while_the_router_is_away(
    platform: Platform, shop: Project
) -> None:
    """One loop that fails is tried again, and does not stop the others."""
    running = await platform.served(shop)
    platform.router.fail()
    platform.runtime.crash((await platform.instance(running.id)).name)
    async with alongside(platform.reconciler().run):
        await platform.until(running.id, lambda d: d.status is S.CRASHED)
        platform.clock.tick(1)
        await platform.until(running.id, runs)
        platform.router.recover()
        port = (await platform.instance(running.id)).port
        await platform.until(running.id, lambda _: platform.routes()["shop.localhost"] == (port,))


async def test_a_storage_outage_is_survived(
    platform: Platform, shop: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """Every loop goes on when the storage is back."""
    running = await platform.served(shop)
    instance = await platform.instance(running.id)
    caplog.set_level(logging.INFO)
    async with alongside(platform.reconciler().run):
        await until_logged(caplog, "is looked after")
        platform.storage.fail()
        platform.runtime.crash(instance.name)
        for verb in ("tend", "sweep", "finish_switches", "stop_drained", "delete_projects"):
            await until_logged(caplog, f"{verb}: The storage is down")
        platform.storage.recover()

        await platform.until(running.id, lambda d: d.status is S.CRASHED)


async def fall_silent(platform: Platform, deployment: Deployment) -> None:
    port = (await platform.instance(deployment.id)).port
    platform.prober.complaints[port or 0] = "it did not answer"


async def start_too_late(platform: Platform, deployment: Deployment) -> None:
    platform.runtime.listening = Listening.NOWHERE
    platform.runtime.crash((await platform.instance(deployment.id)).name)
    await platform.until(deployment.id, lambda d: d.status is S.CRASHED)
    platform.clock.tick(1)
    await _until_one(platform, deployment, lambda i: i.state is InstanceState.STARTING)
    platform.clock.tick(RunSettings().health_check_timeout)


async def be_replaced(platform: Platform, deployment: Deployment) -> None:
    await platform.application.serving.restart(platform.owner, deployment.id)
    await _until_one(platform, deployment, lambda i: i.stop_at is not None)
    platform.clock.tick(FAST.drain.total_seconds())


@pytest.mark.parametrize("reason", [fall_silent, start_too_late, be_replaced])
async def test_a_program_that_does_not_end_holds_up_no_other(
    platform: Platform, shop: Project, reason: Callable[[Platform, Deployment], Awaitable[None]]
) -> None:
    """Another that is to end for the same reason is told so meanwhile."""
    both = [await platform.served(p) for p in (shop, await platform.project("bakery"))]
    platform.runtime.is_stubborn = True

    async with alongside(platform.reconciler().run):
        for deployment in both:
            await reason(platform, deployment)
            await _until_one(platform, deployment, lambda i: i.name in platform.runtime.resisting)


async def test_a_deleted_project_is_gone_soon(platform: Platform, shop: Project) -> None:
    """Nobody has to call for it, and its log pump does not mind."""
    running = await platform.served(shop)
    async with create_task_group() as tasks:
        tasks.start_soon(platform.reconciler().run)
        tasks.start_soon(platform.log_pump().run)
        await platform.until(running.id, lambda _: platform.routes())
        await platform.application.projects.delete(platform.owner, shop.id)

        with pytest.raises(NotFoundError):
            await platform.until(running.id, lambda _: False)
        tasks.cancel_scope.cancel()

    assert {} == platform.routes()
    assert {} == platform.runtime.living


@pytest.mark.parametrize("database", ["memory", "sqlite"])
async def test_the_second_of_two_mends_what_the_first_leaves(tmp_path: Path, database: str) -> None:
    """A crash is mended once while both run, and once when only the second is left."""
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(_storage(database, tmp_path))
        platform = await stack.enter_async_context(open_platform(cast("MemoryStorage", storage)))
        running = await platform.served(await platform.project())
        second = reconciler_of(platform.another_engine(), holder="second", is_alone=False)
        async with create_task_group() as tasks:
            async with alongside(platform.reconciler().run):
                await _until_held(platform, "reconciler")
                tasks.start_soon(second.run)
                await _crash_and_mend(platform, running)

            await _until_held(platform, "second")
            await _crash_and_mend(platform, running)
            tasks.cancel_scope.cancel()

        assert 2 == (await platform.instance(running.id)).restarts
        assert 1 == len(platform.runtime.living)


def _storage(database: str, directory: Path) -> AbstractAsyncContextManager[Storage]:
    if database == "memory":
        return nullcontext(MemoryStorage())
    return open_storage(f"sqlite:///{directory / 'pushpaka.db'}", migrate=True)


async def _until_held(platform: Platform, holder: str) -> None:
    hold = platform.engine.node_hold
    with fail_after(5):
        while (lease := await hold.look()) is None or lease.holder != holder:
            await sleep(0.01)


async def _until_one(
    platform: Platform, deployment: Deployment, holds: Callable[[Instance], object]
) -> None:
    """Wait until something holds for one of its instances."""
    with fail_after(20):
        while not any(map(holds, await platform.instances(deployment.id))):
            await sleep(0.01)


async def _crash_and_mend(platform: Platform, running: Deployment) -> None:
    platform.runtime.crash((await platform.instance(running.id)).name)
    crashed = await platform.until(running.id, lambda d: d.status is S.CRASHED)
    platform.clock.tick(2)
    await platform.until(crashed.id, runs)


async def test_a_whole_life(platform: Platform, shop: Project) -> None:
    """Deployed, crashed, replaced, rolled back and swept, with all loops running."""
    async with create_task_group() as tasks:
        for loop in (platform.worker(), platform.reconciler(), platform.log_pump()):
            tasks.start_soon(loop.run)
        first = await platform.until((await platform.queued(shop)).id, runs)
        platform.runtime.crash((await platform.instance(first.id)).name)
        await platform.until(first.id, lambda d: d.status is S.CRASHED)
        platform.clock.tick(1)
        await platform.until(first.id, runs)
        second = await platform.until((await platform.queued(shop)).id, runs)
        platform.clock.tick(30)
        await platform.until(first.id, lambda d: d.status is S.STOPPED)
        rollback = await platform.application.deployments.rollback(platform.owner, first.id)
        third = await platform.until(rollback.id, runs)
        platform.clock.tick(30)
        await platform.until(second.id, lambda d: d.status is S.STOPPED)
        tasks.cancel_scope.cancel()

    await platform.take_node()
    await platform.engine.sweeping.sweep()
    assert await platform.is_tidy()
    assert [third.id] == [i.deployment_id for i in await platform.instances()]
    for deployment in (first, second, third):
        seqs = [line.seq for line in await platform.lines(deployment.id)]
        assert list(range(1, len(seqs) + 1)) == seqs
