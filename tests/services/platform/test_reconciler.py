"""Reconciliation after crashes: lost workers, unfinished cutovers, draining."""

import pytest
from anyio import create_task_group
from tests.platform_fixtures import Platform

from pushpaka_core.domain.deployments.deployments import MAX_ATTEMPTS, Lease
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.instances.instances import Instance, InstanceState
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.testing.objects.deployments import an_instance

pytestmark = pytest.mark.anyio

S = DeploymentStatus


async def commit_new(platform: Platform, project: Project) -> Lease:
    """Take a new deployment past its commit point, and return its lease."""
    lease = await platform.begin(project)
    assert await platform.worker_services.pipeline.prepare(lease)
    return lease


async def add_orphan(platform: Platform, lease: Lease) -> Instance:
    """Add an instance that an earlier, lost lease of the same deployment started."""
    orphan = an_instance(
        await platform.stored_deployment(lease.deployment_id),
        fence=lease.fence - 1,
        port=29_000,
        node="local",
    )
    async with platform.storage.transaction() as uow:
        await uow.instances.add(orphan)
    return orphan


class TestALostWorker:
    async def test_job_is_handed_to_the_next_worker(
        self, platform: Platform, shop: Project
    ) -> None:
        lease = await platform.begin(shop)
        await platform.queue.wait(platform.worker_services.timeouts.poll_interval)

        was_requeued = await platform.worker_services.reconciler.requeue(lease)

        assert was_requeued
        assert S.QUEUED is await platform.status(lease.deployment_id)
        assert await platform.queue.wait(platform.worker_services.timeouts.poll_interval)
        assert S.RUNNING is (await platform.work()).status

    async def test_lost_worker_is_replaced_at_most_three_times(
        self, platform: Platform, shop: Project
    ) -> None:
        await platform.enqueue(shop)

        for _ in range(MAX_ATTEMPTS):
            lease = await platform.claim()
            await platform.worker_services.reconciler.requeue(lease)

        failed = await platform.stored_deployment(lease.deployment_id)
        found = (failed.status, failed.error)
        assert (S.FAILED, "The worker was lost. The deployment was attempted 3 times.") == found

    async def test_cutover_after_the_commit_point_is_finished(
        self, platform: Platform, shop: Project
    ) -> None:
        lease = await platform.begin(shop)
        await platform.worker_services.pipeline.prepare(lease)

        was_requeued = await platform.worker_services.reconciler.requeue(lease)
        await platform.worker_services.reconciler.finish_cutovers()

        assert not was_requeued
        assert S.RUNNING is await platform.status(lease.deployment_id)
        assert 1 == len(platform.runtime.running)

    async def test_lost_worker_is_detected_once(self, platform: Platform, shop: Project) -> None:
        lost = await platform.begin(shop)
        await platform.worker_services.reconciler.requeue(lost)
        held = await platform.claim()

        was_requeued = await platform.worker_services.reconciler.requeue(lost)

        assert not was_requeued
        assert held == (await platform.stored_deployment(held.deployment_id)).lease


class TestADrain:
    async def test_drain_ends_when_its_time_is_over(
        self, platform: Platform, shop: Project
    ) -> None:
        old = await platform.deploy(shop)
        new = await platform.deploy(shop)
        platform.clock.advance(29)
        await platform.worker_services.reconciler.stop_drained()
        draining = await platform.stored_deployment(old.id)
        platform.clock.advance(1)

        await platform.worker_services.reconciler.stop_drained()

        stopped = await platform.stored_deployment(old.id)
        assert S.RUNNING is draining.status
        assert (S.STOPPED, platform.clock.now) == (stopped.status, stopped.stopped_at)
        assert [new.id] == [i.deployment_id for i in await platform.instances()]
        assert f"shop--{old.id.hex[:8]}.localhost" not in platform.routes()
        assert await platform.is_cleaned_up()

    async def test_drain_ends_despite_a_clock_jump(self, platform: Platform, shop: Project) -> None:
        old = await platform.deploy(shop)
        await platform.deploy(shop)
        platform.clock.jump(-3600)

        await platform.worker_services.reconciler.stop_drained()

        assert S.STOPPED is await platform.status(old.id)

    async def test_drain_waits_for_an_unavailable_router(
        self, platform: Platform, shop: Project
    ) -> None:
        old = await platform.deploy(shop)
        await platform.deploy(shop)
        platform.clock.advance(30)
        platform.router.fail()

        with pytest.raises(RouterUnavailableError):
            await platform.worker_services.reconciler.stop_drained()

        assert S.RUNNING is await platform.status(old.id)
        assert 2 == len(platform.runtime.running)

    async def test_route_table_is_not_written_without_a_drain(
        self, platform: Platform, shop: Project
    ) -> None:
        await platform.deploy(shop)
        tables = len(platform.router.history)

        await platform.worker_services.reconciler.stop_drained()

        assert tables == len(platform.router.history)


class TestTheCommitPoint:
    async def test_instances_of_a_lost_lease_get_no_traffic(
        self, platform: Platform, shop: Project
    ) -> None:
        lost = await platform.begin(shop)
        await platform.worker_services.reconciler.requeue(lost)
        lease = await platform.claim()
        orphan = await add_orphan(platform, lease)

        await platform.worker_services.pipeline.prepare(lease)
        await platform.worker_services.pipeline.finish(lease)
        await platform.worker_services.instance_supervisor.check_all()

        states = {i.id: i.state for i in await platform.instances(lease.deployment_id)}
        assert InstanceState.STARTING is states[orphan.id]
        assert orphan.port not in platform.routes()["shop.localhost"]


class TestARouterOutage:
    async def test_router_outage_keeps_the_old_deployment_active(
        self, platform: Platform, shop: Project
    ) -> None:
        old = await platform.deploy(shop)
        lease = await commit_new(platform, shop)
        platform.router.fail()

        with pytest.raises(RouterUnavailableError):
            await platform.worker_services.pipeline.finish(lease)

        row = await platform.stored_deployment(lease.deployment_id)
        assert (S.DEPLOYING, Phase.SWITCH) == (row.status, row.phase)
        assert old == await platform.stored_deployment(old.id)
        assert ((await platform.instance(old.id)).port,) == platform.routes()["shop.localhost"]

    async def test_cutover_is_finished_after_a_router_outage(
        self, platform: Platform, shop: Project
    ) -> None:
        await platform.deploy(shop)
        lease = await commit_new(platform, shop)
        platform.router.fail()
        with pytest.raises(RouterUnavailableError):
            await platform.worker_services.reconciler.finish_cutovers()
        platform.router.recover()

        await platform.worker_services.reconciler.finish_cutovers()

        assert S.RUNNING is await platform.status(lease.deployment_id)
        port = (await platform.instance(lease.deployment_id)).port
        assert (port,) == platform.routes()["shop.localhost"]


async def test_finishing_a_cutover_twice_changes_nothing(platform: Platform, shop: Project) -> None:
    lease = await commit_new(platform, shop)
    async with create_task_group() as both:
        both.start_soon(platform.worker_services.pipeline.finish, lease)
        both.start_soon(platform.worker_services.reconciler.finish_cutovers)
    running = await platform.stored_deployment(lease.deployment_id)

    await platform.worker_services.pipeline.finish(lease)

    assert S.RUNNING is running.status
    assert running == await platform.stored_deployment(lease.deployment_id)
    assert 1 == (await platform.causes(running.id)).count("The deployment receives traffic")
