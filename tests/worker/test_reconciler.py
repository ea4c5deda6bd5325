"""The loops of the reconciler, while workers run, crash and hang."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from anyio import create_task_group, fail_after, sleep
from attrs import evolve
from tests.platform_fixtures import FAST, Platform, open_platform, reconciler_of, wait_until_logged

from pushpaka_core.adapters.memory.runtime import ListenMode
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.instances.instances import Instance, InstanceState
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import NotFoundError
from pushpaka_core.services.concurrency import background_task

pytestmark = pytest.mark.anyio

S = DeploymentStatus


def is_running(deployment: Deployment) -> bool:
    return deployment.status is S.RUNNING


async def test_the_deployment_of_a_lost_worker_is_requeued(
    platform: Platform, shop: Project
) -> None:
    lease = await platform.begin(shop)

    async with background_task(platform.reconciler().run), background_task(platform.worker().run):
        running = await platform.wait_until(lease.deployment_id, is_running)

    assert lease.fence + 1 == running.fence


async def test_a_running_worker_keeps_its_lease(platform: Platform, shop: Project) -> None:
    platform.builder.is_hanging = True
    queued = await platform.enqueue(shop)
    async with background_task(platform.reconciler().run), background_task(platform.worker().run):
        await platform.wait_until(queued.id, lambda d: d.phase is Phase.BUILD)

        building = await platform.wait_until(queued.id, lambda d: d.heartbeat >= 10)

    assert (S.BUILDING, 1) == (building.status, building.fence)


async def test_requeue_all_ends_all_leases(platform: Platform, shop: Project) -> None:
    lease = await platform.begin(shop)

    await platform.reconciler().requeue_all()

    assert S.QUEUED is await platform.status(lease.deployment_id)


async def test_a_crash_is_handled_during_a_router_outage(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    platform.router.fail()
    platform.runtime.crash((await platform.instance(running.id)).name)
    async with background_task(platform.reconciler().run):
        await platform.wait_until(running.id, lambda d: d.status is S.CRASHED)
        platform.clock.advance(1)
        await platform.wait_until(running.id, is_running)
        platform.router.recover()
        port = (await platform.instance(running.id)).port
        await platform.wait_until(
            running.id, lambda _: platform.routes()["shop.localhost"] == (port,)
        )


async def test_a_storage_outage_is_survived(
    platform: Platform, shop: Project, caplog: pytest.LogCaptureFixture
) -> None:
    running = await platform.deploy(shop)
    instance = await platform.instance(running.id)
    caplog.set_level(logging.INFO)
    async with background_task(platform.reconciler().run):
        await wait_until_logged(caplog, "Acquired the lease")
        platform.storage.fail()
        platform.runtime.crash(instance.name)
        for task in ("check_due", "collect", "finish_cutovers", "stop_drained", "delete_projects"):
            await wait_until_logged(caplog, f"{task} failed: The storage is down")
        platform.storage.recover()

        await _wait_for_instance(platform, running, lambda i: i.id != instance.id)


async def test_an_exit_is_handled_before_the_next_round() -> None:
    async with open_platform(
        timeouts=evolve(FAST, supervision_interval=timedelta(hours=1))
    ) as platform:
        running = await platform.deploy(await platform.project())
        before = await platform.instance(running.id)
        async with (
            background_task(platform.reconciler().run),
            background_task(platform.log_pump().run),
        ):
            platform.runtime.emit(before.name, "ready\n")
            with fail_after(10):
                while "ready" not in {line.message for line in await platform.lines(running.id)}:
                    await sleep(0.01)

            platform.runtime.crash(before.name)

            await _wait_for_instance(
                platform, running, lambda i: i.id != before.id and i.state is InstanceState.LIVE
            )
            await platform.wait_until(running.id, is_running)
            after = await platform.instance(running.id)
            with fail_after(10):
                while platform.routes()["shop.localhost"] != (after.port,):
                    await sleep(0.01)


async def fail_probes(platform: Platform, deployment: Deployment) -> None:
    port = (await platform.instance(deployment.id)).port
    platform.prober.failures[port or 0] = "it did not answer"


async def exceed_start_timeout(platform: Platform, deployment: Deployment) -> None:
    platform.runtime.listening = ListenMode.NOWHERE
    platform.runtime.crash((await platform.instance(deployment.id)).name)
    await platform.wait_until(deployment.id, lambda d: d.status is S.CRASHED)
    platform.clock.advance(1)
    # The row exists before the program, and the timeout counts from the program's start.
    await _wait_for_instance(
        platform,
        deployment,
        lambda i: i.state is InstanceState.STARTING and i.name in platform.runtime.running,
    )
    platform.clock.advance(RunSettings().health_check_timeout)


async def restart_and_drain(platform: Platform, deployment: Deployment) -> None:
    await platform.application.active_deployments.restart(platform.owner, deployment.id)
    await _wait_for_instance(platform, deployment, lambda i: i.stop_at is not None)
    platform.clock.advance(FAST.drain_time.total_seconds())


@pytest.mark.parametrize("require_stop", [fail_probes, exceed_start_timeout, restart_and_drain])
async def test_a_program_that_does_not_stop_delays_no_other(
    platform: Platform,
    shop: Project,
    require_stop: Callable[[Platform, Deployment], Awaitable[None]],
) -> None:
    both = [await platform.deploy(p) for p in (shop, await platform.project("bakery"))]
    platform.runtime.ignores_stop = True

    async with background_task(platform.reconciler().run):
        for deployment in both:
            await require_stop(platform, deployment)
            await _wait_for_instance(
                platform, deployment, lambda i: i.name in platform.runtime.ignoring_stop
            )


async def test_a_deleted_project_is_removed(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    async with create_task_group() as tasks:
        tasks.start_soon(platform.reconciler().run)
        tasks.start_soon(platform.log_pump().run)
        await platform.wait_until(running.id, lambda _: platform.routes())
        await platform.application.projects.delete(platform.owner, shop.id)

        with pytest.raises(NotFoundError):
            await platform.wait_until(running.id, lambda _: False)
        tasks.cancel_scope.cancel()

    assert {} == platform.routes()
    assert {} == platform.runtime.running


async def test_the_second_reconciler_takes_over(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    second = reconciler_of(platform.another_engine(), holder="second", is_alone=False)
    async with create_task_group() as tasks:
        async with background_task(platform.reconciler().run):
            await _wait_until_held(platform, "reconciler")
            tasks.start_soon(second.run)
            await _crash_and_recover(platform, running)

        await _wait_until_held(platform, "second")
        await _crash_and_recover(platform, running)
        tasks.cancel_scope.cancel()

    assert 2 == (await platform.instance(running.id)).restarts
    assert 1 == len(platform.runtime.running)


async def _wait_until_held(platform: Platform, holder: str) -> None:
    hold = platform.worker_services.held_lease
    with fail_after(5):
        while (lease := await hold.read()) is None or lease.holder != holder:
            await sleep(0.01)


async def _wait_for_instance(
    platform: Platform, deployment: Deployment, condition: Callable[[Instance], object]
) -> None:
    """Wait until *condition* is true for an instance of the deployment."""
    with fail_after(20):
        while not any(map(condition, await platform.instances(deployment.id))):
            await sleep(0.01)


async def _crash_and_recover(platform: Platform, running: Deployment) -> None:
    before = await platform.instance(running.id)
    platform.runtime.crash(before.name)
    await _wait_for_instance(platform, running, lambda i: i.restarts > before.restarts)
    platform.clock.advance(2)
    await _wait_for_instance(platform, running, lambda i: i.id != before.id)
    await platform.wait_until(running.id, is_running)


async def test_a_complete_life_cycle(platform: Platform, shop: Project) -> None:
    async with create_task_group() as tasks:
        for loop in (platform.worker(), platform.reconciler(), platform.log_pump()):
            tasks.start_soon(loop.run)
        first = await platform.wait_until((await platform.enqueue(shop)).id, is_running)
        await _crash_and_recover(platform, first)
        second = await platform.wait_until((await platform.enqueue(shop)).id, is_running)
        platform.clock.advance(30)
        await platform.wait_until(first.id, lambda d: d.status is S.STOPPED)
        rollback = await platform.application.deployments.rollback(platform.owner, first.id)
        third = await platform.wait_until(rollback.id, is_running)
        platform.clock.advance(30)
        await platform.wait_until(second.id, lambda d: d.status is S.STOPPED)
        tasks.cancel_scope.cancel()

    await platform.take_node()
    await platform.worker_services.garbage_collector.collect()
    assert await platform.is_cleaned_up()
    assert [third.id] == [i.deployment_id for i in await platform.instances()]
    for deployment in (first, second, third):
        seqs = [line.seq for line in await platform.lines(deployment.id)]
        assert list(range(1, len(seqs) + 1)) == seqs
