"""Stopping and starting targets, and the environment variables that apply after a start."""

from functools import partial

import pytest
from anyio import create_task_group, fail_after
from tests.platform_fixtures import Platform, open_platform
from tests.services.deployment_states import BlockingFailpoint

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.projects.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects.projects import Project, ProjectStatus
from pushpaka_core.errors import ConflictError

pytestmark = pytest.mark.anyio

S = DeploymentStatus


async def stop(platform: Platform, deployment: Deployment) -> Deployment:
    """Request to stop *deployment*."""
    return await platform.application.active_deployments.stop(platform.owner, deployment.id)


async def stop_completely(platform: Platform, deployment: Deployment) -> Deployment:
    """Stop *deployment*, and return it after all its instances have stopped."""
    await stop(platform, deployment)
    await platform.worker_services.reconciler.stop_drained()
    return await platform.stored_deployment(deployment.id)


async def start(platform: Platform, project: Project, key: str | None = None) -> Deployment:
    """Request to start a stopped project, and return the new deployment."""
    active_deployments = platform.application.active_deployments
    return await active_deployments.start(platform.owner, project.id, idempotency_key=key)


async def reconcile(platform: Platform) -> None:
    """Run every step of the reconciler once."""
    await platform.worker_services.reconciler.finish_cutovers()
    await platform.worker_services.instance_supervisor.check_all()
    await platform.worker_services.rolling_restart.advance()
    await platform.worker_services.reconciler.stop_drained()
    await platform.worker_services.garbage_collector.collect()
    await platform.worker_services.reconciler.repair_routes()


async def status_of(platform: Platform, project: Project) -> ProjectStatus:
    """Return the status of *project*."""
    return (await platform.application.projects.get(platform.owner, project.id)).status


async def env_var_of(platform: Platform, deployment: Deployment, key: str = "COLOR") -> str | None:
    """Return an environment variable of the deployment's newest instance."""
    *_, newest = await platform.instances(deployment.id)
    return platform.runtime.running[newest.name].env.get(key)


class TestStop:
    @pytest.mark.parametrize("is_stop_complete", [False, True])
    async def test_stop_survives_a_reboot_and_affects_no_other_target(
        self, platform: Platform, running: Deployment, *, is_stop_complete: bool
    ) -> None:
        other = await platform.deploy(await platform.project("blog"))
        await (stop_completely if is_stop_complete else stop)(platform, running)
        for name in platform.runtime.running:
            platform.runtime.vanish(name)
        platform.router.forget()

        for _ in range(3):
            await reconcile(platform)
            platform.clock.advance(60)

        assert S.STOPPED is await platform.status(running.id)
        causes = await platform.causes(running.id)
        assert ["A stop was requested", "The deployment was stopped by a user"] == causes[-2:]
        assert S.RUNNING is await platform.status(other.id)
        assert [other.id] == [i.deployment_id for i in await platform.instances()]
        routes = platform.routes()
        assert (False, True) == (bool(routes["shop.localhost"]), bool(routes["blog.localhost"]))

    async def test_supersedes_queued_deployments(self, platform: Platform, shop: Project) -> None:
        running = await platform.deploy(shop)
        waiting = await platform.enqueue(shop)

        await stop(platform, running)

        assert S.SUPERSEDED is await platform.status(waiting.id)
        assert await platform.worker_services.pipeline.claim("worker-1") is None

    @pytest.mark.parametrize("phase", [Phase.SOURCE, Phase.BUILD, Phase.START, Phase.SWITCH])
    async def test_supersedes_deployments_in_progress(self, phase: Phase) -> None:
        blocking_failpoint = BlockingFailpoint()
        async with (
            open_platform(failpoints=blocking_failpoint) as platform,
            create_task_group() as workers,
        ):
            shop = await platform.project()
            running = await platform.deploy(shop)
            await platform.enqueue(shop)
            lease, blocking_failpoint.step = await platform.claim(), str(phase)
            workers.start_soon(partial(platform.worker_services.pipeline.prepare, lease))
            await blocking_failpoint.arrived.wait()

            await stop_completely(platform, running)
            blocking_failpoint.opened.set()
            ended = await platform.wait_until(lease.deployment_id, lambda row: row.is_final)

        assert S.SUPERSEDED is ended.status
        assert "A stop was requested" == (await platform.causes(ended.id))[-1]
        assert {} == platform.runtime.running

    async def test_supersedes_the_deployment_of_a_lost_worker(
        self, platform: Platform, shop: Project
    ) -> None:
        running = await platform.deploy(shop)
        lease = await platform.begin(shop)
        await stop(platform, running)

        await platform.worker_services.reconciler.requeue(lease)

        assert S.SUPERSEDED is await platform.status(lease.deployment_id)

    async def test_leaves_other_targets_unchanged(self, platform: Platform, shop: Project) -> None:
        running = await platform.deploy(shop)
        await platform.enqueue(shop, target="preview:main")
        preview = await platform.work()
        waiting = await platform.enqueue(shop, target="preview:main")

        await stop_completely(platform, running)

        found = (await platform.status(preview.id), await platform.status(waiting.id))
        assert (S.RUNNING, S.QUEUED) == found
        assert {
            request.instance.deployment_id for request in platform.runtime.running.values()
        } == {preview.id}

    async def test_stop_of_a_replaced_deployment_is_rejected(
        self, platform: Platform, shop: Project
    ) -> None:
        running = await platform.deploy(shop)
        await platform.enqueue(shop)
        await platform.worker_services.pipeline.prepare(await platform.claim())

        with pytest.raises(ConflictError, match="Another deployment has replaced this one"):
            await stop(platform, running)


class TestCancelAfterStop:
    async def test_cancel_keeps_the_project_stopped(
        self, platform: Platform, shop: Project
    ) -> None:
        await stop_completely(platform, await platform.deploy(shop))
        platform.clock.advance(1)
        lease = await platform.begin(shop)
        await platform.application.deployments.cancel(platform.owner, lease.deployment_id)

        await platform.worker_services.pipeline.end_canceled(lease)

        assert S.CANCELLED is await platform.status(lease.deployment_id)
        assert ProjectStatus.STOPPED is await status_of(platform, shop)


class TestStart:
    async def test_stopped_deployment_survives_retention(
        self, platform: Platform, shop: Project
    ) -> None:
        await stop_completely(platform, await platform.deploy(shop))
        platform.runtime.early_exit = "exited with code 1"
        for _ in range(5):
            await platform.deploy(shop)
            await reconcile(platform)
        platform.runtime.early_exit = None

        await start(platform, shop)

        assert S.RUNNING is (await platform.work()).status

    async def test_start_without_an_artifact_is_rejected(
        self, platform: Platform, shop: Project, running: Deployment
    ) -> None:
        await stop_completely(platform, running)
        (release,) = await platform.releases()
        await platform.builder.remove(release.artifact)

        with pytest.raises(ConflictError, match="Deploy its commit again instead"):
            await start(platform, shop)

    async def test_start_is_idempotent_with_a_key(self, platform: Platform, shop: Project) -> None:
        await stop_completely(platform, await platform.deploy(shop))
        first = await start(platform, shop, key="k")
        await platform.work()

        again = await start(platform, shop, key="k")

        assert first.id == again.id
        with pytest.raises(ConflictError, match="not stopped"):
            await start(platform, shop)


class TestEnvVars:
    async def test_redeploy_uses_current_variables(self, platform: Platform, shop: Project) -> None:
        await platform.set_env(shop, COLOR="red")
        running = await platform.deploy(shop)
        await platform.set_env(shop, COLOR="blue")
        projects = platform.application.projects
        before = (await projects.get(platform.owner, shop.id)).env_changed

        await platform.application.deployments.redeploy(platform.owner, running.id)
        redeployed = await platform.work()

        assert "blue" == await env_var_of(platform, redeployed)
        assert running.release_id == redeployed.release_id
        assert before
        assert not (await projects.get(platform.owner, shop.id)).env_changed

    async def test_start_uses_current_variables(self, platform: Platform, shop: Project) -> None:
        await platform.set_env(shop, COLOR="red")
        await stop_completely(platform, await platform.deploy(shop))
        await platform.set_env(shop, COLOR="blue")

        await start(platform, shop)

        assert "blue" == await env_var_of(platform, await platform.work())

    async def test_promotion_uses_variables_of_production(
        self, platform: Platform, shop: Project
    ) -> None:
        await set_color(platform, shop, EnvScope.PRODUCTION, "green")
        await set_color(platform, shop, EnvScope.PREVIEW, "grey")
        await platform.enqueue(shop, target="preview:main")
        preview = await platform.work()

        await platform.application.deployments.promote(platform.owner, preview.id)
        promoted = await platform.work()

        assert ("grey", "green") == (
            await env_var_of(platform, preview),
            await env_var_of(platform, promoted),
        )
        assert preview.release_id == promoted.release_id
        assert S.RUNNING is await platform.status(preview.id)
        assert ((await platform.instance(promoted.id)).port,) == platform.routes()["shop.localhost"]


async def set_color(platform: Platform, project: Project, scope: EnvScope, value: str) -> None:
    """Set the environment variable COLOR in one scope."""
    new = NewEnvVar(project_id=project.id, key="COLOR", value=value, scope=scope)
    await platform.application.env_vars.set(platform.owner, new)


async def test_a_promoted_release_is_kept_for_production(platform: Platform, shop: Project) -> None:
    await platform.enqueue(shop, target="preview:main")
    preview = await platform.work()
    await platform.application.deployments.promote(platform.owner, preview.id)
    promoted = await platform.work()
    for _ in range(4):
        await platform.enqueue(shop, target="preview:main")
        await platform.work()
        platform.clock.advance(60)
        await reconcile(platform)

    await platform.application.deployments.redeploy(platform.owner, promoted.id)

    with fail_after(30):
        assert S.RUNNING is (await platform.work()).status
