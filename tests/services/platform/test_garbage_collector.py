"""Garbage collection removes all unused resources, and nothing else."""

import pytest
from attrs import evolve
from tests.platform_fixtures import Platform

from pushpaka_core.domain.accounts.members import NewInvitation, ProjectRole
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import TimelineEventId
from pushpaka_core.domain.integrations.webhooks import WebhookDelivery
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import BuildError, NotFoundError, RouterUnavailableError, StartError
from pushpaka_core.services.platform.data_retention import MAX_TIMELINE_EVENTS
from pushpaka_core.testing.objects.deployments import a_timeline_event, an_instance
from pushpaka_core.testing.objects.integrations import a_webhook

pytestmark = pytest.mark.anyio


async def test_instances_without_a_row_are_stopped(platform: Platform, running: Deployment) -> None:
    (request,) = platform.runtime.running.values()
    stray = an_instance(running, fence=running.fence)
    await platform.runtime.start(evolve(request, instance=stray))

    await platform.worker_services.garbage_collector.collect()

    assert [(await platform.instance(running.id)).name] == list(platform.runtime.running)


async def test_rows_of_a_lost_lease_are_removed(platform: Platform, running: Deployment) -> None:
    (request,) = platform.runtime.running.values()
    orphan = an_instance(running, fence=running.fence - 1, port=29_000)
    await platform.runtime.start(evolve(request, instance=orphan))
    async with platform.storage.transaction() as uow:
        await uow.instances.add(orphan)

    await platform.worker_services.garbage_collector.collect()

    assert orphan.id != (await platform.instance(running.id)).id
    assert await platform.is_cleaned_up()


async def test_stale_workspaces_are_removed(platform: Platform, shop: Project) -> None:
    held = await platform.begin(shop)
    stale = Lease(deployment_id=held.deployment_id, fence=held.fence - 1)
    for lease in (held, stale):
        await platform.workspaces.path(lease)

    await platform.worker_services.garbage_collector.collect()

    assert (held,) == await platform.workspaces.leases()


async def test_artifacts_without_a_release_are_removed(platform: Platform, shop: Project) -> None:
    await platform.deploy(shop)
    (request,) = platform.builder.requests
    lost = evolve(request, lease=evolve(request.lease, fence=7))

    async def ignore(_: object) -> None: ...

    await platform.builder.build(
        lost,
        timeout=platform.worker_services.timeouts.build,
        on_progress=ignore,
        on_output=ignore,
    )

    await platform.worker_services.garbage_collector.collect()

    assert await platform.is_cleaned_up()
    assert 1 == len(await platform.builder.artifacts())


async def test_deployment_in_progress_is_kept(platform: Platform, shop: Project) -> None:
    lease = await platform.begin(shop)
    await platform.worker_services.pipeline.prepare(lease)

    await platform.worker_services.garbage_collector.collect()
    await platform.worker_services.pipeline.finish(lease)

    assert DeploymentStatus.RUNNING is await platform.status(lease.deployment_id)
    assert await platform.is_cleaned_up()


class TestRetention:
    async def test_keeps_draining_releases_and_the_last_two(
        self, platform: Platform, shop: Project
    ) -> None:
        ran = [await platform.deploy(shop) for _ in range(4)]
        await platform.worker_services.garbage_collector.collect()
        while_draining = {release.id for release in await platform.releases()}

        await _stop_drained(platform)
        await platform.worker_services.garbage_collector.collect()

        assert {d.release_id for d in ran} == while_draining
        assert [ran[3].release_id, ran[2].release_id] == [r.id for r in await platform.releases()]
        assert await platform.is_cleaned_up()

    async def test_failures_do_not_affect_retention(
        self, platform: Platform, shop: Project
    ) -> None:
        ran = [await platform.deploy(shop) for _ in range(2)]
        await _stop_drained(platform)
        platform.runtime.failure = StartError("It does not start.")
        for _ in range(3):
            await platform.deploy(shop)
        platform.runtime.failure = None
        platform.builder.failure = BuildError("It does not build.")
        await platform.deploy(shop)

        await platform.worker_services.garbage_collector.collect()

        assert {d.release_id for d in ran} == {r.id for r in await platform.releases()}
        assert await platform.is_cleaned_up()

    async def test_keeps_the_release_of_a_queued_rollback(
        self, platform: Platform, shop: Project
    ) -> None:
        ran = [await platform.deploy(shop) for _ in range(2)]
        await platform.application.deployments.rollback(platform.owner, ran[0].id)
        await _stop_drained(platform)
        held = await platform.claim()
        await platform.overwrite(held.deployment_id, target="preview:x")
        for _ in range(3):
            await platform.deploy(shop)
        await _stop_drained(platform)

        await platform.worker_services.garbage_collector.collect()

        assert ran[0].release_id in {r.id for r in await platform.releases()}

    async def test_release_is_counted_once(self, platform: Platform, shop: Project) -> None:
        first = await platform.deploy(shop)
        second = await platform.deploy(shop)
        await platform.application.deployments.rollback(platform.owner, first.id)
        await platform.work()
        await platform.application.deployments.rollback(platform.owner, first.id)
        await platform.work()
        await _stop_drained(platform)

        await platform.worker_services.garbage_collector.collect()

        kept = {r.id for r in await platform.releases()}
        assert {first.release_id, second.release_id} == kept


class TestADeletedProject:
    async def test_leaves_nothing(self, platform: Platform, shop: Project) -> None:
        await platform.deploy(shop)
        blog = await platform.deploy(await platform.project("blog"))
        await platform.application.projects.delete(platform.owner, shop.id)

        await platform.worker_services.garbage_collector.projects.delete_projects()

        assert ["blog.localhost", f"blog--{blog.id.hex[:8]}.localhost"] == list(platform.routes())
        assert [blog.id] == [i.deployment_id for i in await platform.instances()]
        assert 1 == len(await platform.builder.artifacts())
        assert await platform.is_cleaned_up()

    async def test_deletion_waits_for_jobs_in_progress(
        self, platform: Platform, shop: Project
    ) -> None:
        lease = await platform.begin(shop)
        await platform.application.projects.delete(platform.owner, shop.id)
        await platform.worker_services.garbage_collector.projects.delete_projects()
        waited_for = await platform.stored_deployment(lease.deployment_id)
        await platform.worker_services.pipeline.end_canceled(lease)

        await platform.worker_services.garbage_collector.projects.delete_projects()

        assert waited_for.is_in_progress
        with pytest.raises(NotFoundError):
            await platform.stored_deployment(lease.deployment_id)

    async def test_keeps_its_ports_while_it_may_be_routed(
        self, platform: Platform, shop: Project
    ) -> None:
        await platform.deploy(shop)
        await platform.application.projects.delete(platform.owner, shop.id)
        platform.router.fail()

        with pytest.raises(RouterUnavailableError):
            await platform.worker_services.garbage_collector.collect()

        assert 1 == len(await platform.instances())
        assert 1 == len(platform.runtime.running)


async def _stop_drained(platform: Platform) -> None:
    platform.clock.advance(platform.worker_services.timeouts.drain_time.total_seconds())
    await platform.worker_services.reconciler.stop_drained()


async def test_expired_invitations_are_removed(platform: Platform, shop: Project) -> None:
    new = NewInvitation(email="bob@example.com", role=ProjectRole.VIEWER)
    await platform.application.invitations.invite(platform.owner, shop.id, new)
    platform.clock.advance(7 * 86_400)

    await platform.worker_services.garbage_collector.collect()

    async with platform.storage.snapshot() as uow:
        assert [] == list(await uow.invitations.of_project(shop))


async def test_old_logs_are_removed(platform: Platform, shop: Project) -> None:
    first = await platform.deploy(shop)
    second = await platform.deploy(shop)
    platform.clock.advance(60)
    await platform.worker_services.reconciler.stop_drained()
    platform.clock.advance(29 * 86_400)
    await platform.worker_services.garbage_collector.data.remove_old_logs()
    kept = await platform.messages(first.id)
    platform.clock.advance(2 * 86_400)

    await platform.worker_services.garbage_collector.data.remove_old_logs()

    async with platform.storage.snapshot() as uow:
        steps = [len(await uow.timeline_events.of_deployment(d)) for d in (first, second)]
    assert (True, [], True) == (
        bool(kept),
        await platform.messages(first.id),
        bool(await platform.messages(second.id)),
    )
    assert 0 == steps[0] < steps[1]
    assert (await platform.stored_deployment(first.id)).is_final


async def test_the_timeline_of_a_crash_loop_is_trimmed(
    platform: Platform, running: Deployment
) -> None:
    brief = await platform.deploy(await platform.project("bakery"))
    steps_of_brief = await platform.causes(brief.id)
    async with platform.storage.transaction() as uow:
        for number in range(MAX_TIMELINE_EVENTS):
            new_id = TimelineEventId(platform.adapters.new_id())
            await uow.timeline_events.add(
                a_timeline_event(running, id=new_id, cause=f"Crash {number}")
            )

    await platform.worker_services.garbage_collector.collect()

    causes = await platform.causes(running.id)
    assert [f"Crash {number}" for number in range(MAX_TIMELINE_EVENTS)] == causes
    assert steps_of_brief == await platform.causes(brief.id)


async def test_delivery_digests_are_kept_for_90_days(platform: Platform, shop: Project) -> None:
    webhook = a_webhook(shop)
    delivery = WebhookDelivery.of(webhook.id, b"{}", platform.clock())
    async with platform.storage.transaction() as uow:
        await uow.webhooks.add(webhook)
        await uow.webhooks.record_delivery(delivery)

    are_known = []
    for _ in range(2):
        platform.clock.advance(46 * 24 * 3600)
        await platform.worker_services.garbage_collector.data.remove_old_deliveries()
        async with platform.storage.snapshot() as uow:
            are_known.append(await uow.webhooks.has_delivery(delivery))

    assert [True, False] == are_known


async def test_superseded_deployments_keep_no_env_vars(platform: Platform, shop: Project) -> None:
    running = await platform.deploy(shop)
    for _ in range(3):
        await platform.enqueue(shop)
    async with platform.storage.snapshot() as uow:
        every = await uow.deployments.of_projects([shop], list(DeploymentStatus))
        before = len(await uow.env_vars.environments(every))

    await platform.worker_services.garbage_collector.data.remove_unused_environments()

    async with platform.storage.snapshot() as uow:
        left = await uow.env_vars.environments(every)
    waiting = [d.id for d in every if d.status is DeploymentStatus.QUEUED]
    assert 4 == before
    assert {running.id, *waiting} == {each.deployment_id for each in left}
