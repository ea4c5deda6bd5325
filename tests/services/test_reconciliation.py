"""Between the deployments: lost workers, unfinished switches, drains."""

import pytest
from tests.services.platform import Platform

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import MOST_ATTEMPTS
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import RouterUnavailableError

pytestmark = pytest.mark.anyio

S = DeploymentStatus


class TestALostWorker:
    async def test_leaves_its_job_to_the_next(self, platform: Platform, shop: Project) -> None:
        """The deployment waits again, workers are told, and the next one finishes it."""
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.queue.wait(platform.engine.timings.poll)

        was_requeued = await platform.engine.reconciliation.requeue(lease)

        assert was_requeued
        assert S.QUEUED is (await platform.row(lease.deployment_id)).status
        assert await platform.queue.wait(platform.engine.timings.poll)
        assert S.RUNNING is (await platform.work()).status

    async def test_is_replaced_three_times_at_most(self, platform: Platform, shop: Project) -> None:
        """A deployment that its workers do not survive fails, and says so."""
        await platform.queued(shop)

        for _ in range(MOST_ATTEMPTS):
            lease = await platform.claimed()
            await platform.engine.reconciliation.requeue(lease)

        failed = await platform.row(lease.deployment_id)
        assert (S.FAILED, "Its worker was lost. It was tried 3 times.") == (
            failed.status,
            failed.error,
        )

    async def test_behind_the_commit_point_is_not_missed(
        self, platform: Platform, shop: Project
    ) -> None:
        """What is committed is finished, not taken back."""
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.engine.pipeline.prepare(lease)

        was_requeued = await platform.engine.reconciliation.requeue(lease)
        await platform.engine.reconciliation.finish_switches()

        assert not was_requeued
        assert S.RUNNING is (await platform.row(lease.deployment_id)).status
        assert 1 == len(platform.runtime.living)

    async def test_is_found_once(self, platform: Platform, shop: Project) -> None:
        """A lease that was taken back already is not taken back from its new holder."""
        await platform.queued(shop)
        lost = await platform.claimed()
        await platform.engine.reconciliation.requeue(lost)
        held = await platform.claimed()

        was_requeued = await platform.engine.reconciliation.requeue(lost)

        assert not was_requeued
        assert held == (await platform.row(held.deployment_id)).lease

    async def test_that_was_to_cancel_leaves_it_cancelled(
        self, platform: Platform, shop: Project
    ) -> None:
        """Who asked to cancel is not disappointed by a dead worker."""
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.application.deployments.cancel(platform.owner, lease.deployment_id)

        await platform.engine.reconciliation.requeue(lease)

        assert S.CANCELLED is (await platform.row(lease.deployment_id)).status


class TestADrain:
    async def test_ends_when_its_time_is_over(self, platform: Platform, shop: Project) -> None:
        """The replaced deployment runs to the last second, then stops with all that it had."""
        old = await platform.served(shop)
        new = await platform.served(shop)
        platform.clock.tick(29)
        await platform.engine.reconciliation.stop_drained()
        draining = await platform.row(old.id)
        platform.clock.tick(1)

        await platform.engine.reconciliation.stop_drained()

        stopped = await platform.row(old.id)
        assert S.RUNNING is draining.status
        assert (S.STOPPED, platform.clock.now) == (stopped.status, stopped.stopped_at)
        assert [new.id] == [i.deployment_id for i in await platform.instances()]
        assert await platform.is_tidy()

    async def test_ends_though_the_clock_was_set_back(
        self, platform: Platform, shop: Project
    ) -> None:
        """What is replaced does not run on for as long as the clock is behind."""
        old = await platform.served(shop)
        await platform.served(shop)
        platform.clock.jump(-3600)

        await platform.engine.reconciliation.stop_drained()

        assert S.STOPPED is (await platform.row(old.id)).status

    async def test_takes_its_own_address_away_before_its_port(
        self, platform: Platform, shop: Project
    ) -> None:
        """No address leads to a port that somebody else may get."""
        old = await platform.served(shop)
        await platform.served(shop)
        platform.clock.tick(30)

        await platform.engine.reconciliation.stop_drained()

        assert f"shop--{old.id.hex[:8]}.localhost" not in platform.routes()

    async def test_waits_for_a_router_that_is_away(self, platform: Platform, shop: Project) -> None:
        """As long as an address may lead to it, it goes on."""
        old = await platform.served(shop)
        await platform.served(shop)
        platform.clock.tick(30)
        platform.router.fail()

        with pytest.raises(RouterUnavailableError):
            await platform.engine.reconciliation.stop_drained()

        assert S.RUNNING is (await platform.row(old.id)).status
        assert 2 == len(platform.runtime.living)

    async def test_of_nobody_writes_nothing(self, platform: Platform, shop: Project) -> None:
        """Where nothing drains no table is written."""
        await platform.served(shop)
        tables = len(platform.router.history)

        await platform.engine.reconciliation.stop_drained()

        assert tables == len(platform.router.history)
