"""What nobody needs any more, and only that, is taken away."""

import pytest
from attrs import evolve
from tests.services.platform import Platform

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.domain.events import TimelineEventId
from pushpaka_core.domain.members import NewInvitation, ProjectRole
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import (
    BuildError,
    NotFoundError,
    RouterUnavailableError,
    StartError,
)
from pushpaka_core.services.sweeping import MOST_STEPS
from pushpaka_core.testing.objects import a_timeline_event, an_instance

pytestmark = pytest.mark.anyio


async def test_what_runs_without_a_row_is_ended(platform: Platform, shop: Project) -> None:
    """An instance that nobody knows goes; the known one stays."""
    running = await platform.served(shop)
    (request,) = platform.runtime.living.values()
    stray = an_instance(running, fence=running.fence)
    await platform.runtime.start(evolve(request, instance=stray))

    await platform.engine.sweeping.sweep()

    assert [(await platform.instance(running.id)).name] == list(platform.runtime.living)


async def test_rows_of_a_lost_lease_are_removed(platform: Platform, shop: Project) -> None:
    """An instance of an older fence goes with its process and its port."""
    running = await platform.served(shop)
    (request,) = platform.runtime.living.values()
    orphan = an_instance(running, fence=running.fence - 1, port=29_000)
    await platform.runtime.start(evolve(request, instance=orphan))
    async with platform.storage.transaction() as uow:
        await uow.instances.add(orphan)

    await platform.engine.sweeping.sweep()

    assert orphan.id != (await platform.instance(running.id)).id
    assert await platform.is_tidy()


async def test_stale_workspaces_are_removed(platform: Platform, shop: Project) -> None:
    """A directory of nobody's lease goes, one of a job in work stays."""
    await platform.queued(shop)
    held = await platform.claimed()
    stale = Lease(deployment_id=held.deployment_id, fence=held.fence - 1)
    for lease in (held, stale):
        await platform.workspaces.path(lease)

    await platform.engine.sweeping.sweep()

    assert (held,) == await platform.workspaces.leases()


async def test_artifacts_without_a_release_are_removed(platform: Platform, shop: Project) -> None:
    """What was built for a job that was lost before it could say so goes."""
    await platform.served(shop)
    (request,) = platform.builder.requests
    lost = evolve(request, lease=evolve(request.lease, fence=7))

    async def nothing(_: object) -> None: ...

    await platform.builder.build(
        lost, timeout=platform.engine.timings.build, report=nothing, on_output=nothing
    )

    await platform.engine.sweeping.sweep()

    assert await platform.is_tidy()
    assert 1 == len(await platform.builder.artifacts())


async def test_a_job_in_work_is_left_alone(platform: Platform, shop: Project) -> None:
    """Whatever a worker holds is none of the sweep's business."""
    await platform.queued(shop)
    lease = await platform.claimed()
    await platform.engine.pipeline.prepare(lease)

    await platform.engine.sweeping.sweep()
    await platform.engine.pipeline.finish(lease)

    assert DeploymentStatus.RUNNING is (await platform.row(lease.deployment_id)).status
    assert await platform.is_tidy()


class TestRetention:
    async def test_keeps_the_last_that_ran(self, platform: Platform, shop: Project) -> None:
        """Of four releases that ran the last two are kept."""
        ran = [await platform.served(shop) for _ in range(4)]

        await platform.engine.sweeping.sweep()

        await _stop_drained(platform)
        await platform.engine.sweeping.sweep()
        assert [ran[3].release_id, ran[2].release_id] == [r.id for r in await platform.releases()]
        assert await platform.is_tidy()

    async def test_keeps_what_still_drains(self, platform: Platform, shop: Project) -> None:
        """What serves is kept, however many came after it."""
        ran = [await platform.served(shop) for _ in range(4)]

        await platform.engine.sweeping.retire_releases()

        assert {d.release_id for d in ran} == {r.id for r in await platform.releases()}

    async def test_is_not_moved_by_failures(self, platform: Platform, shop: Project) -> None:
        """A string of failed deployments evicts nothing, and leaves nothing."""
        ran = [await platform.served(shop) for _ in range(2)]
        await _stop_drained(platform)
        platform.runtime.failure = StartError("It does not start.")
        for _ in range(3):
            await platform.served(shop)
        platform.runtime.failure = None
        platform.builder.failure = BuildError("It does not build.")
        await platform.served(shop)

        await platform.engine.sweeping.sweep()

        assert {d.release_id for d in ran} == {r.id for r in await platform.releases()}
        assert await platform.is_tidy()

    async def test_keeps_what_a_queued_rollback_wants(
        self, platform: Platform, shop: Project
    ) -> None:
        """A release that somebody asked for is there when its turn comes."""
        ran = [await platform.served(shop) for _ in range(2)]
        await platform.application.deployments.rollback(platform.owner, ran[0].id)
        await _stop_drained(platform)
        held = await platform.claimed()
        await platform.kept(held.deployment_id, target="preview:x")
        for _ in range(3):
            await platform.served(shop)
        await _stop_drained(platform)

        await platform.engine.sweeping.sweep()

        assert ran[0].release_id in {r.id for r in await platform.releases()}

    async def test_counts_a_release_once(self, platform: Platform, shop: Project) -> None:
        """A release that ran twice takes one place."""
        first = await platform.served(shop)
        second = await platform.served(shop)
        await platform.application.deployments.rollback(platform.owner, first.id)
        await platform.work()
        await platform.application.deployments.rollback(platform.owner, first.id)
        await platform.work()
        await _stop_drained(platform)

        await platform.engine.sweeping.sweep()

        kept = {r.id for r in await platform.releases()}
        assert {first.release_id, second.release_id} == kept


class TestADeletedProject:
    async def test_leaves_nothing(self, platform: Platform, shop: Project) -> None:
        """Its routes, instances, artifacts and rows go, in this order."""
        await platform.served(shop)
        blog = await platform.served(await platform.project("blog"))
        await platform.application.projects.delete(platform.owner, shop.id)

        await platform.engine.sweeping.delete_projects()

        assert ["blog.localhost", f"blog--{blog.id.hex[:8]}.localhost"] == list(platform.routes())
        assert [blog.id] == [i.deployment_id for i in await platform.instances()]
        assert 1 == len(await platform.builder.artifacts())
        assert await platform.is_tidy()

    async def test_waits_for_what_is_in_work(self, platform: Platform, shop: Project) -> None:
        """A job of it is ended by its worker first."""
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.application.projects.delete(platform.owner, shop.id)
        await platform.engine.sweeping.delete_projects()
        waited_for = await platform.row(lease.deployment_id)
        await platform.engine.pipeline.end_cancelled(lease)

        await platform.engine.sweeping.delete_projects()

        assert waited_for.is_in_work
        with pytest.raises(NotFoundError):
            await platform.row(lease.deployment_id)

    async def test_keeps_its_ports_while_it_may_be_routed(
        self, platform: Platform, shop: Project
    ) -> None:
        """Without a router nothing is taken away, so that no port is given to somebody else."""
        await platform.served(shop)
        await platform.application.projects.delete(platform.owner, shop.id)
        platform.router.fail()

        with pytest.raises(RouterUnavailableError):
            await platform.engine.sweeping.sweep()

        assert 1 == len(await platform.instances())
        assert 1 == len(platform.runtime.living)


async def _stop_drained(platform: Platform) -> None:
    platform.clock.tick(platform.engine.timings.drain.total_seconds())
    await platform.engine.reconciliation.stop_drained()


async def test_invitations_that_nobody_accepts_are_removed(
    platform: Platform, shop: Project
) -> None:
    """Once their time is over they are no good to anybody."""
    new = NewInvitation(email="bob@example.com", role=ProjectRole.VIEWER)
    await platform.application.invitations.invite(platform.owner, shop.id, new)
    platform.clock.tick(7 * 86_400)

    await platform.engine.sweeping.sweep()

    async with platform.storage.snapshot() as uow:
        assert [] == list(await uow.invitations.of_project(shop))


async def test_logs_of_what_is_over_for_long_are_removed(platform: Platform, shop: Project) -> None:
    """They go with the steps; the deployment stays, and so does all of what is served."""
    first = await platform.served(shop)
    second = await platform.served(shop)
    platform.clock.tick(60)
    await platform.engine.reconciliation.stop_drained()
    platform.clock.tick(29 * 86_400)
    await platform.engine.sweeping.forget_bygone()
    kept = await platform.said(first.id)
    platform.clock.tick(2 * 86_400)

    await platform.engine.sweeping.forget_bygone()

    async with platform.storage.snapshot() as uow:
        steps = [len(await uow.timeline.of_deployment(d)) for d in (first, second)]
    assert (True, [], True) == (
        bool(kept),
        await platform.said(first.id),
        bool(await platform.said(second.id)),
    )
    assert 0 == steps[0] < steps[1]
    assert (await platform.row(first.id)).is_final


async def test_the_timeline_of_what_crashes_on_and_on_is_trimmed(
    platform: Platform, shop: Project
) -> None:
    """It keeps its newest steps, and nothing is taken from what has few."""
    running = await platform.served(shop)
    brief = await platform.served(await platform.project("bakery"))
    steps_of_brief = await platform.causes(brief.id)
    async with platform.storage.transaction() as uow:
        for number in range(MOST_STEPS):
            new_id = TimelineEventId(platform.adapters.new_id())
            await uow.timeline.add(a_timeline_event(running, id=new_id, cause=f"Crash {number}"))

    await platform.engine.sweeping.sweep()

    causes = await platform.causes(running.id)
    assert [f"Crash {number}" for number in range(MOST_STEPS)] == causes
    assert steps_of_brief == await platform.causes(brief.id)
