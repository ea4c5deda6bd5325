"""Stop and start, and the env vars with which things are served again."""

from functools import partial

import pytest
from anyio import create_task_group, fail_after
from attrs import evolve
from tests.services.platform import Platform, open_platform
from tests.services.scenes import Gate

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Deployment, DeploymentKind
from pushpaka_core.domain.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects import Project, ProjectStatus
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import ConflictError, NotFoundError
from pushpaka_core.testing.objects import an_id

pytestmark = pytest.mark.anyio

S = DeploymentStatus


async def stop(platform: Platform, deployment: Deployment) -> Deployment:
    """Ask for a stop."""
    return await platform.application.serving.stop(platform.owner, deployment.id)


async def stopped(platform: Platform, deployment: Deployment) -> Deployment:
    """Stop, and return the deployment once nothing of it runs."""
    await stop(platform, deployment)
    await platform.engine.reconciliation.stop_drained()
    return await platform.row(deployment.id)


async def start(platform: Platform, project: Project, key: str | None = None) -> Deployment:
    """Ask for a start."""
    serving = platform.application.serving
    return await serving.start(platform.owner, project.id, idempotency_key=key)


async def look(platform: Platform) -> None:
    """Let the reconciler do all that it ever does."""
    await platform.engine.reconciliation.finish_switches()
    await platform.engine.tending.tend()
    await platform.engine.restarting.restart()
    await platform.engine.reconciliation.stop_drained()
    await platform.engine.sweeping.sweep()
    await platform.engine.reconciliation.mend_routes()


async def standing(platform: Platform, project: Project) -> ProjectStatus:
    """Return how the project is called."""
    return (await platform.application.projects.get(platform.owner, project.id)).status


async def env(platform: Platform, deployment: Deployment, key: str = "COLOUR") -> str | None:
    """Return what the newest program of a deployment sees."""
    *_, newest = await platform.instances(deployment.id)
    return platform.runtime.living[newest.name].env.get(key)


class TestAStop:
    async def test_leaves_nothing_running_or_routed(
        self, platform: Platform, shop: Project
    ) -> None:
        """Its addresses lead to no program, and its files stay for a start."""
        running = await platform.served(shop)

        over = await stopped(platform, running)

        assert (S.STOPPED, platform.clock()) == (over.status, over.stopped_at)
        assert ["A stop was asked for", "It was stopped by hand"] == (
            await platform.causes(running.id)
        )[-2:]
        assert {} == platform.runtime.living
        assert {()} == set(platform.routes().values())
        assert await platform.is_tidy()
        assert ProjectStatus.STOPPED is await standing(platform, shop)

    async def test_holds_over_a_reboot(self, platform: Platform, shop: Project) -> None:
        """The machine was off, between the request and its end: nothing comes back."""
        running = await platform.served(shop)
        await stop(platform, running)
        for name in platform.runtime.living:
            platform.runtime.lose(name)
        platform.router.forget()

        for _ in range(3):
            await look(platform)
            platform.clock.tick(60)

        assert S.STOPPED is (await platform.row(running.id)).status
        assert {} == platform.runtime.living
        assert {()} == set(platform.routes().values())

    async def test_of_one_project_leaves_others_over_a_reboot(self, platform: Platform) -> None:
        """What was not stopped is started again by itself."""
        shop, blog = await platform.project("shop"), await platform.project("blog")
        running, other = await platform.served(shop), await platform.served(blog)
        await stopped(platform, running)
        for name in platform.runtime.living:
            platform.runtime.lose(name)

        for _ in range(3):
            await look(platform)
            platform.clock.tick(60)

        assert (S.STOPPED, S.RUNNING) == (
            (await platform.row(running.id)).status,
            (await platform.row(other.id)).status,
        )
        routes = platform.routes()
        assert (False, True) == (bool(routes["shop.localhost"]), bool(routes["blog.localhost"]))

    async def test_supersedes_what_waits(self, platform: Platform, shop: Project) -> None:
        """Nothing that was asked for before the stop starts afterwards."""
        running = await platform.served(shop)
        waiting = await platform.queued(shop)

        await stop(platform, running)

        assert S.SUPERSEDED is (await platform.row(waiting.id)).status
        assert await platform.engine.pipeline.claim("worker-1") is None

    @pytest.mark.parametrize("phase", [Phase.SOURCE, Phase.BUILD, Phase.START, Phase.SWITCH])
    async def test_supersedes_what_is_in_work(self, phase: Phase) -> None:
        """The worker lets go of it where it is, and takes along what it has made."""
        gate = Gate()
        async with open_platform(failpoints=gate) as platform, create_task_group() as workers:
            shop = await platform.project()
            running = await platform.served(shop)
            await platform.queued(shop)
            lease, gate.step = await platform.claimed(), str(phase)
            workers.start_soon(partial(platform.engine.pipeline.prepare, lease))
            await gate.arrived.wait()

            await stopped(platform, running)
            gate.opened.set()
            ended = await platform.until(lease.deployment_id, lambda row: row.is_final)

        assert S.SUPERSEDED is ended.status
        assert "A stop was asked for" == (await platform.causes(ended.id))[-1]
        assert {} == platform.runtime.living

    async def test_supersedes_what_a_lost_worker_held(
        self, platform: Platform, shop: Project
    ) -> None:
        """It does not come back into the queue."""
        running = await platform.served(shop)
        await platform.queued(shop)
        lease = await platform.claimed()
        await stop(platform, running)

        await platform.engine.reconciliation.requeue(lease)

        assert S.SUPERSEDED is (await platform.row(lease.deployment_id)).status

    async def test_spares_other_targets(self, platform: Platform, shop: Project) -> None:
        """Production is stopped, and a preview serves, waits and is built as before."""
        running = await platform.served(shop)
        await platform.queued(shop, target="preview:main")
        preview = await platform.work()
        waiting = await platform.queued(shop, target="preview:main")

        await stopped(platform, running)

        assert (S.RUNNING, S.QUEUED) == (
            (await platform.row(preview.id)).status,
            (await platform.row(waiting.id)).status,
        )
        assert {request.instance.deployment_id for request in platform.runtime.living.values()} == {
            preview.id
        }

    async def test_of_what_is_being_replaced_is_refused(
        self, platform: Platform, shop: Project
    ) -> None:
        """Past the commit point of the next one that one has to be stopped."""
        running = await platform.served(shop)
        await platform.queued(shop)
        await platform.engine.pipeline.prepare(await platform.claimed())

        with pytest.raises(ConflictError, match="another deployment takes its place"):
            await stop(platform, running)


class TestACancelAfterAStop:
    async def test_is_a_cancel(self, platform: Platform, shop: Project) -> None:
        """What was asked for after the stop, and taken back, was not superseded by it."""
        await stopped(platform, await platform.served(shop))
        platform.clock.tick(1)
        await platform.queued(shop)
        lease = await platform.claimed()
        await platform.application.deployments.cancel(platform.owner, lease.deployment_id)

        await platform.engine.pipeline.end_cancelled(lease)

        assert S.CANCELLED is (await platform.row(lease.deployment_id)).status
        assert ProjectStatus.STOPPED is await standing(platform, shop)


class TestAStart:
    async def test_serves_the_last_release_again(self, platform: Platform, shop: Project) -> None:
        """A new deployment without a build, on the project's own address."""
        running = await platform.served(shop)
        await stopped(platform, running)

        queued = await start(platform, shop)
        started = await platform.work()

        assert (S.QUEUED, DeploymentKind.REDEPLOY, running.id, running.release_id) == (
            queued.status,
            queued.kind,
            queued.source_deployment_id,
            queued.release_id,
        )
        assert S.RUNNING is started.status
        assert ((await platform.instance(started.id)).port,) == platform.routes()["shop.localhost"]
        assert ProjectStatus.ACTIVE is await standing(platform, shop)

    async def test_does_not_wait_for_the_end_of_the_stop(
        self, platform: Platform, shop: Project
    ) -> None:
        """Somebody who has changed their mind at once is served all the same."""
        running = await platform.served(shop)
        await stop(platform, running)
        await start(platform, shop)

        started = await platform.work()
        await look(platform)

        assert (S.STOPPED, S.RUNNING) == (
            (await platform.row(running.id)).status,
            (await platform.row(started.id)).status,
        )
        assert ((await platform.instance(started.id)).port,) == platform.routes()["shop.localhost"]

    async def test_survives_the_retention_of_others(
        self, platform: Platform, shop: Project
    ) -> None:
        """However many deployments fail while it is stopped, its release is kept."""
        await stopped(platform, await platform.served(shop))
        platform.runtime.early_exit = "exited with code 1"
        for _ in range(5):
            await platform.served(shop)
            await look(platform)
        platform.runtime.early_exit = None

        await start(platform, shop)

        assert S.RUNNING is (await platform.work()).status

    async def test_without_its_release_is_refused(self, platform: Platform, shop: Project) -> None:
        """What is not kept any more has to be built again."""
        await stopped(platform, await platform.served(shop))
        (release,) = await platform.releases()
        async with platform.storage.transaction() as uow:
            await uow.releases.update(evolve(release, removed_at=platform.clock()))

        with pytest.raises(ConflictError, match="Deploy its commit again instead"):
            await start(platform, shop)

    async def test_of_what_was_lost_is_refused(self, platform: Platform, shop: Project) -> None:
        """An artifact that is gone is missed before the start is promised."""
        await stopped(platform, await platform.served(shop))
        (release,) = await platform.releases()
        await platform.builder.remove(release.artifact)

        with pytest.raises(ConflictError, match="Deploy its commit again instead"):
            await start(platform, shop)

    async def test_of_somebody_elses_finds_nothing(self, platform: Platform, shop: Project) -> None:
        """Nobody learns that there is such a project, stopped or not."""
        await stopped(platform, await platform.served(shop))
        stranger = Actor(user_id=UserId(an_id()))

        with pytest.raises(NotFoundError, match="project"):
            await platform.application.serving.start(stranger, shop.id)

    async def test_under_a_key_is_one_start(self, platform: Platform, shop: Project) -> None:
        """Whoever repeats it gets the same deployment, also once it runs."""
        await stopped(platform, await platform.served(shop))
        first = await start(platform, shop, key="k")
        await platform.work()

        again = await start(platform, shop, key="k")

        assert first.id == again.id
        with pytest.raises(ConflictError, match="not stopped"):
            await start(platform, shop)


async def test_a_deployment_starts_what_was_stopped(platform: Platform, shop: Project) -> None:
    """It serves, and the next reboot brings it back."""
    await stopped(platform, await platform.served(shop))

    deployed = await platform.served(shop)
    platform.runtime.lose((await platform.instance(deployed.id)).name)
    for _ in range(3):
        await look(platform)
        platform.clock.tick(60)

    assert S.RUNNING is (await platform.row(deployed.id)).status
    assert ((await platform.instance(deployed.id)).port,) == platform.routes()["shop.localhost"]


async def test_a_failed_deployment_leaves_it_stopped(platform: Platform, shop: Project) -> None:
    """Only what is healthy ends a stop."""
    await stopped(platform, await platform.served(shop))
    platform.runtime.early_exit = "exited with code 1"

    failed = await platform.served(shop)
    await look(platform)

    assert S.FAILED is failed.status
    assert {()} == set(platform.routes().values())
    assert await platform.is_tidy()


class TestEnvVars:
    async def test_of_today_come_with_a_redeploy(self, platform: Platform, shop: Project) -> None:
        """That is what a redeploy is for; until then the project says that they differ."""
        await platform.set_env(shop, COLOUR="red")
        running = await platform.served(shop)
        await platform.set_env(shop, COLOUR="blue")
        projects = platform.application.projects
        before = (await projects.get(platform.owner, shop.id)).env_changed

        await platform.application.deployments.redeploy(platform.owner, running.id)
        redeployed = await platform.work()

        assert "blue" == await env(platform, redeployed)
        assert running.release_id == redeployed.release_id
        assert before
        assert not (await projects.get(platform.owner, shop.id)).env_changed

    async def test_of_today_come_with_a_start(self, platform: Platform, shop: Project) -> None:
        """A start is a redeploy of what was stopped."""
        await platform.set_env(shop, COLOUR="red")
        await stopped(platform, await platform.served(shop))
        await platform.set_env(shop, COLOUR="blue")

        await start(platform, shop)

        assert "blue" == await env(platform, await platform.work())

    async def test_of_then_come_back_with_a_rollback(
        self, platform: Platform, shop: Project
    ) -> None:
        """A rollback serves what was served, as it was served."""
        await platform.set_env(shop, COLOUR="red")
        first = await platform.served(shop)
        await platform.set_env(shop, COLOUR="blue")
        await platform.served(shop)

        await platform.application.deployments.rollback(platform.owner, first.id)

        assert "red" == await env(platform, await platform.work())

    async def test_of_production_come_with_a_promotion(
        self, platform: Platform, shop: Project
    ) -> None:
        """The preview's release is served without the preview's values."""
        await set_colour(platform, shop, EnvScope.PRODUCTION, "green")
        await set_colour(platform, shop, EnvScope.PREVIEW, "grey")
        await platform.queued(shop, target="preview:main")
        preview = await platform.work()

        await platform.application.deployments.promote(platform.owner, preview.id)
        promoted = await platform.work()

        assert ("grey", "green") == (await env(platform, preview), await env(platform, promoted))
        assert preview.release_id == promoted.release_id
        assert S.RUNNING is (await platform.row(preview.id)).status
        assert ((await platform.instance(promoted.id)).port,) == platform.routes()["shop.localhost"]


async def set_colour(platform: Platform, project: Project, scope: EnvScope, value: str) -> None:
    """Set an env var for one kind of targets."""
    new = NewEnvVar(project_id=project.id, key="COLOUR", value=value, scope=scope)
    await platform.application.env_vars.set(platform.owner, new)


async def test_a_promoted_release_is_kept_for_production(platform: Platform, shop: Project) -> None:
    """What production serves stays, whatever becomes of the preview that built it."""
    await platform.queued(shop, target="preview:main")
    preview = await platform.work()
    await platform.application.deployments.promote(platform.owner, preview.id)
    promoted = await platform.work()
    for _ in range(4):
        await platform.queued(shop, target="preview:main")
        await platform.work()
        platform.clock.tick(60)
        await look(platform)

    await platform.application.deployments.redeploy(platform.owner, promoted.id)

    with fail_after(5):
        assert S.RUNNING is (await platform.work()).status
