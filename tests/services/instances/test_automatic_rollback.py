"""Automatic rollback of deployments that break within their rollback window."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.platform_fixtures import Platform
from tests.services.integrations.test_commit_statuses import (
    deliver_push,
    project_with_webhook,
    send_all,
)
from tests.services.integrations.test_notifications import SLACK, add_channel, sent_titles

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment, DeploymentKind
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.instances.instances import InstanceState
from pushpaka_core.domain.integrations.notifications import NotificationTrigger
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.processes import OutputChunk, OutputStream

pytestmark = pytest.mark.anyio

S = DeploymentStatus
DRAIN = WINDOW = 30
EXITED = "The web process exited with code 1. It crashed twice within the rollback window."
CAUSE = f"Rolled back automatically: {EXITED}"
REMEDY = "The previous deployment is active again. Check the log, fix the app, and deploy again."


async def deploy_twice(platform: Platform, project: Project) -> tuple[Deployment, Deployment]:
    """Deploy twice, and return both deployments. The second one is in its rollback window."""
    old = await platform.deploy(project)
    platform.commit()
    new = await platform.deploy(project)
    return await platform.stored_deployment(old.id), new


async def crash(platform: Platform, deployment: Deployment) -> None:
    """Crash the only instance of a deployment, and let the supervisor notice it."""
    platform.runtime.crash((await platform.instance(deployment.id)).name)
    await platform.worker_services.instance_supervisor.check_all()


async def recover(platform: Platform, deployment: Deployment) -> None:
    """Let the only instance of a deployment restart and pass its health checks."""
    instance = await platform.instance(deployment.id)
    if instance.restart_at is not None:
        platform.clock.now = max(platform.clock.now, instance.restart_at)
    for _ in range(3):
        await platform.worker_services.instance_supervisor.check_all()


async def crash_twice(platform: Platform, deployment: Deployment) -> None:
    await crash(platform, deployment)
    await recover(platform, deployment)
    await crash(platform, deployment)


async def miss_probes(platform: Platform, deployment: Deployment, times: int) -> None:
    """Make the deployment's only instance fail *times* probes within the rollback window."""
    port = (await platform.instance(deployment.id)).port
    platform.prober.failures[port or 0] = "the app responded with 500 to GET /"
    for _ in range(times):
        await platform.worker_services.instance_supervisor.check_rollback_windows()
        platform.clock.advance(3)


async def miss_three_probes(platform: Platform, deployment: Deployment) -> None:
    await miss_probes(platform, deployment, 3)


async def is_rolled_back(platform: Platform, old: Deployment, new: Deployment) -> bool:
    """Check the stored rows. Return True if *old* is active again, or False if *new* is."""
    rows = [await platform.stored_deployment(old.id), await platform.stored_deployment(new.id)]
    async with platform.storage.snapshot() as uow:
        target = await uow.targets.of_deployment(new)
    assert target is not None
    if target.deployment_id == new.id:
        assert S.FAILED is not rows[1].status
        return False
    assert (old.id, new.sequence) == (target.deployment_id, target.sequence)
    assert [(S.RUNNING, None), (S.FAILED, None)] == [
        (rows[0].status, rows[0].drain_until), (rows[1].status, rows[1].watch_until),
    ]  # fmt: skip
    return True


async def is_settled(platform: Platform, old: Deployment) -> bool:
    """Return True if requests reach the only instance of *old*, and no other instance runs."""
    instance = await platform.instance(old.id)
    routed = platform.routes()["shop.localhost"]
    return routed == (instance.port,) and [instance.name] == list(platform.runtime.running)


class TestRollback:
    @pytest.mark.parametrize(
        ("break_deployment", "reason"),
        [
            (crash_twice, EXITED),
            (
                miss_three_probes,
                (
                    "The web process did not respond to 3 probes in a row and was stopped"
                    " (the app responded with 500 to GET /)."
                ),
            ),
        ],
        ids=["crashes", "failed probes"],
    )
    async def test_a_broken_deployment_is_rolled_back(
        self,
        platform: Platform,
        shop: Project,
        break_deployment: Callable[[Platform, Deployment], Awaitable[None]],
        reason: str,
    ) -> None:
        old, new = await deploy_twice(platform, shop)
        await break_deployment(platform, new)

        assert await is_rolled_back(platform, old, new)
        assert await is_settled(platform, old)
        failed = await platform.stored_deployment(new.id)
        cause = f"Rolled back automatically: {reason}"
        assert f"{cause} {REMEDY}\nListening." == failed.error
        assert (Phase.RUN, True) == (failed.phase, failed.is_rolled_back)
        assert cause == (await platform.causes(new.id))[-1]
        assert (
            "Active again because its successor was rolled back"
            == (await platform.causes(old.id))[-1]
        )
        assert reason in await platform.messages(new.id)
        overview = await platform.application.projects.get(platform.owner, shop.id)
        assert ("active", old.id) == (overview.status, overview.current_deployment_id)
        await platform.worker_services.garbage_collector.collect()
        assert await platform.is_cleaned_up()

    async def test_the_error_has_the_last_lines_of_output(
        self, platform: Platform, shop: Project
    ) -> None:
        _, new = await deploy_twice(platform, shop)
        async with platform.worker_services.log_writer.open(new.id, Redactor()) as log:
            await log.open_output(Phase.RUN)(
                OutputChunk(
                    stream=OutputStream.STDERR,
                    data=b"ImportError: no module named tea\n",
                    written_at=platform.clock(),
                )
            )

        await crash_twice(platform, new)

        error = (await platform.stored_deployment(new.id)).error or ""
        assert f"{CAUSE} {REMEDY}\n" in error
        assert error.endswith("ImportError: no module named tea")

    async def test_a_rollback_sends_notifications(self, platform: Platform) -> None:
        shop, issued = await project_with_webhook(platform, name="shop")
        await add_channel(platform, shop, SLACK, NotificationTrigger.FAILURE)
        await platform.deploy(shop)
        commit = platform.commit()
        await deliver_push(platform, issued, commit)
        new = await platform.work()
        await send_all(platform)

        await crash_twice(platform, new)

        await platform.worker_services.outbox_sender.send_due()
        (report,) = (json.loads(each.body) for each in platform.webhook_client.requests)
        assert (
            "The deployment failed after it went live and was rolled back. See its log in Pushpaka."
            == report["description"]
        )
        assert [(commit, "failure")] == await send_all(platform)
        assert "shop was rolled back automatically" == (await sent_titles(platform))[-1]
        async with platform.storage.snapshot() as uow:
            page = await uow.audit_entries.page(None, limit=1, offset=0)
        (entry,) = page.items
        assert ("deployment.rolled_back", new.id, None) == (
            entry.action, entry.subject_id, entry.user_id,
        )  # fmt: skip

    async def test_a_late_crash_extends_the_window(self, platform: Platform, shop: Project) -> None:
        old, new = await deploy_twice(platform, shop)
        platform.clock.advance(25)
        await crash(platform, new)
        await recover(platform, new)
        platform.clock.advance(25)
        await platform.worker_services.reconciler.stop_drained()

        await crash(platform, new)

        assert await is_rolled_back(platform, old, new)

    async def test_a_slow_restart_extends_the_window(
        self, platform: Platform, shop: Project
    ) -> None:
        """The rollback window does not end while a crashed instance is starting again."""
        old, new = await deploy_twice(platform, shop)
        await crash(platform, new)
        await platform.worker_services.instance_supervisor.check_all()
        starter = await platform.instance(new.id)
        platform.prober.failures[starter.port or 0] = "nothing listens on its port"
        for _ in range(5):
            platform.clock.advance(10)
            await platform.worker_services.instance_supervisor.check_all()
            await platform.worker_services.reconciler.stop_drained()
        platform.prober.failures.clear()
        await recover(platform, new)

        await crash(platform, new)

        assert InstanceState.STARTING is starter.state
        assert await is_rolled_back(platform, old, new)

    async def test_one_missed_probe_is_tolerated(self, platform: Platform, shop: Project) -> None:
        old, new = await deploy_twice(platform, shop)
        await miss_probes(platform, new, 2)
        platform.prober.failures.clear()
        await platform.worker_services.instance_supervisor.check_rollback_windows()
        platform.clock.advance(3)

        await miss_probes(platform, new, 2)

        assert not await is_rolled_back(platform, old, new)

    async def test_probes_ten_times_per_window(self, platform: Platform, shop: Project) -> None:
        await deploy_twice(platform, shop)
        platform.prober.probes.clear()

        for _ in range(WINDOW):
            await platform.worker_services.instance_supervisor.check_rollback_windows()
            await platform.worker_services.instance_supervisor.check_liveness()
            platform.clock.advance(1)

        assert 10 == len(platform.prober.probes)

    async def test_requires_two_passes_after_a_crash_in_the_window(
        self, platform: Platform, shop: Project
    ) -> None:
        _, new = await deploy_twice(platform, shop)
        await crash(platform, new)
        await platform.worker_services.instance_supervisor.check_all()

        await platform.worker_services.instance_supervisor.check_all()

        assert InstanceState.STARTING is (await platform.instance(new.id)).state
        await platform.worker_services.instance_supervisor.check_all()
        assert InstanceState.LIVE is (await platform.instance(new.id)).state


class TestPreviousDeployment:
    async def test_runs_until_the_end_of_the_window(self, platform: Platform) -> None:
        shop = await platform.project("shop", rollback_window=60)
        old, new = await deploy_twice(platform, shop)
        platform.clock.advance(DRAIN + 1)
        await platform.worker_services.reconciler.stop_drained()
        during = await platform.stored_deployment(old.id)
        platform.clock.advance(60 - DRAIN)

        await platform.worker_services.reconciler.stop_drained()

        assert S.RUNNING is during.status
        assert S.STOPPED is await platform.status(old.id)
        assert None is (await platform.stored_deployment(new.id)).replaces
        await crash_twice(platform, new)
        assert S.CRASHED is await platform.status(new.id)

    async def test_keeps_its_release(self, platform: Platform, shop: Project) -> None:
        await deploy_twice(platform, shop)
        old, new = await deploy_twice(platform, shop)
        await platform.worker_services.garbage_collector.releases.remove_old_releases()

        await crash_twice(platform, new)

        assert await is_rolled_back(platform, old, new)
        assert old.release_id in {release.id for release in await platform.releases()}

    async def test_last_healthy_deployment_is_chosen(
        self, platform: Platform, shop: Project
    ) -> None:
        good, bad = await deploy_twice(platform, shop)
        await crash(platform, bad)
        worse = await platform.deploy(shop)

        await crash_twice(platform, worse)

        assert await is_rolled_back(platform, good, worse)


async def let_the_window_end(platform: Platform, _old: Deployment, _new: Deployment) -> None:
    platform.clock.advance(WINDOW + 1)


async def stop_the_deployment(platform: Platform, _old: Deployment, new: Deployment) -> None:
    await platform.application.active_deployments.stop(platform.owner, new.id)


async def delete_the_project(platform: Platform, _old: Deployment, new: Deployment) -> None:
    await platform.application.projects.delete(platform.owner, new.project_id)


async def crash_the_old_deployment(platform: Platform, old: Deployment, _new: Deployment) -> None:
    platform.runtime.crash((await platform.instance(old.id)).name)


async def fail_probes_of_the_old_deployment(
    platform: Platform, old: Deployment, _new: Deployment
) -> None:
    port = (await platform.instance(old.id)).port
    platform.prober.failures[port or 0] = "the app responded with 500 to GET /"


async def stop_the_old_deployment(platform: Platform, old: Deployment, _new: Deployment) -> None:
    await platform.overwrite(old.id, status=S.STOPPED, drain_until=None)


async def deploy_again(platform: Platform, _old: Deployment, new: Deployment) -> None:
    await platform.enqueue(await project_of(platform, new))
    await platform.work()


async def roll_back(platform: Platform, old: Deployment, _new: Deployment) -> None:
    await platform.application.deployments.rollback(platform.owner, old.id)
    assert DeploymentKind.ROLLBACK is (await platform.work()).kind


async def project_of(platform: Platform, deployment: Deployment) -> Project:
    async with platform.storage.snapshot() as uow:
        return await uow.projects.visible_to(PLATFORM).get(deployment.project_id)


class TestNoRollback:
    @pytest.mark.parametrize(
        "make_change",
        [
            let_the_window_end,
            stop_the_deployment,
            delete_the_project,
            crash_the_old_deployment,
            fail_probes_of_the_old_deployment,
            stop_the_old_deployment,
            deploy_again,
            roll_back,
        ],
    )
    async def test_no_rollback_after_the_window_or_a_change(
        self,
        platform: Platform,
        shop: Project,
        make_change: Callable[[Platform, Deployment, Deployment], Awaitable[None]],
    ) -> None:
        old, new = await deploy_twice(platform, shop)
        await crash(platform, new)
        await recover(platform, new)
        await make_change(platform, old, new)
        target = await target_of(platform, new)

        await crash(platform, new)

        assert target == await target_of(platform, new)
        assert S.FAILED is not await platform.status(new.id)

    async def test_no_rollback_after_a_concurrent_change(
        self, platform: Platform, shop: Project
    ) -> None:
        old, new = await deploy_twice(platform, shop)
        await crash(platform, new)
        await recover(platform, new)
        seen = await platform.stored_deployment(new.id)
        await deploy_again(platform, old, new)

        is_done = (
            await platform.worker_services.instance_supervisor._checks._rollback._commit_rollback(
                seen, EXITED
            )
        )

        assert [] == list(is_done)
        assert new.id != (await target_of(platform, new)).deployment_id

    @pytest.mark.parametrize("settings", [{}, {"rollback_window": 0}], ids=["first", "off"])
    async def test_no_rollback_of_the_first_deployment_or_without_a_window(
        self, platform: Platform, settings: dict[str, Any]
    ) -> None:
        shop = await platform.project("shop", **settings)
        if settings:
            await platform.deploy(shop)
        new = await platform.deploy(shop)

        await crash_twice(platform, new)

        assert S.CRASHED is await platform.status(new.id)

    async def test_no_rollback_to_a_crashed_deployment(
        self, platform: Platform, shop: Project
    ) -> None:
        old = await platform.deploy(shop)
        await crash(platform, old)
        new = await platform.deploy(shop)

        await crash_twice(platform, new)

        assert S.CRASHED is await platform.status(new.id)


async def target_of(platform: Platform, deployment: Deployment) -> Any:
    async with platform.storage.snapshot() as uow:
        return await uow.targets.of_deployment(deployment)


class TestNewerDeploymentInProgress:
    async def test_newer_deployment_replaces_the_reactivated_one(
        self, platform: Platform, shop: Project
    ) -> None:
        old, new = await deploy_twice(platform, shop)
        lease = await platform.begin(shop)
        await crash_twice(platform, new)
        assert await is_rolled_back(platform, old, new)

        assert await platform.worker_services.pipeline.prepare(lease)
        await platform.worker_services.pipeline.finish(lease)

        newest = await platform.stored_deployment(lease.deployment_id)
        assert (S.RUNNING, old.id) == (newest.status, newest.replaces)
        assert newest.id == (await target_of(platform, new)).deployment_id


class TestKilledProcess:
    async def test_rollback_is_decided_from_the_stored_state(
        self, platform: Platform, shop: Project
    ) -> None:
        old, new = await deploy_twice(platform, shop)
        instance = await platform.instance(new.id)
        async with platform.storage.transaction() as uow:
            await uow.instances.update(instance.crash("exited with code 1", now=platform.clock()))
        instance = await platform.instance(new.id)
        async with platform.storage.transaction() as uow:
            await uow.instances.update(instance.crash("exited with code 1", now=platform.clock()))

        await run_another_process(platform)

        assert await is_rolled_back(platform, old, new)

    async def test_committed_rollback_is_finished(self, platform: Platform, shop: Project) -> None:
        old, new = await deploy_twice(platform, shop)
        await crash(platform, new)
        await recover(platform, new)
        platform.router.fail()
        with pytest.raises(RouterUnavailableError):
            await crash(platform, new)
        assert await is_rolled_back(platform, old, new)
        assert not await is_settled(platform, old)
        platform.router.recover()

        await run_another_process(platform)

        assert await is_settled(platform, old)
        assert await platform.is_cleaned_up()


async def run_another_process(platform: Platform) -> None:
    """Let another process take the node lease, and run each task of a reconciler once."""
    engine = platform.another_engine()
    await engine.held_lease.acquire("another", expected=await engine.held_lease.read())
    await engine.reconciler.finish_cutovers()
    await engine.reconciler.stop_drained()
    await engine.reconciler.repair_routes()
    await engine.instance_supervisor.check_all()
    await engine.garbage_collector.collect()


async def remaining_window(
    platform: Platform, deployment_id: DeploymentId
) -> tuple[timedelta, DeploymentId | None]:
    """Return the remaining time of the rollback window, and the previous deployment."""
    found = await platform.application.deployments.rollback_window(platform.owner, deployment_id)
    return found.remaining, found.previous_deployment_id


async def test_the_window_ends_after_its_time(platform: Platform, shop: Project) -> None:
    old, new = await deploy_twice(platform, shop)

    begun = await remaining_window(platform, new.id)
    platform.clock.advance(20)
    later = await remaining_window(platform, new.id)
    platform.clock.advance(11)
    over = await remaining_window(platform, new.id)

    assert (timedelta(seconds=30), old.id) == begun
    assert (timedelta(seconds=10), old.id) == later
    assert (timedelta(0), None) == over


async def test_a_rolled_back_deployment_names_its_replacement(
    platform: Platform, shop: Project
) -> None:
    old, new = await deploy_twice(platform, shop)

    await crash_twice(platform, new)

    assert (timedelta(0), old.id) == await remaining_window(platform, new.id)
    assert (timedelta(0), None) == await remaining_window(platform, old.id)


@pytest.mark.parametrize("rollback_window", [0, 60])
async def test_no_window_without_a_setting_or_a_previous_version(
    platform: Platform, rollback_window: int
) -> None:
    project = await platform.project(rollback_window=rollback_window)
    first = await platform.deploy(project)
    alone = await remaining_window(platform, first.id)
    platform.commit()
    second = await platform.deploy(project)

    assert (timedelta(0), None) == alone
    previous = first.id if rollback_window else None
    assert (timedelta(seconds=rollback_window), previous) == await remaining_window(
        platform, second.id
    )
