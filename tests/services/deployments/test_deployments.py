"""Queueing, rolling back, canceling, listing and waiting for deployments."""

from datetime import timedelta

import pytest
from anyio import create_task_group, fail_after, wait_all_tasks_blocked
from attrs import evolve
from tests.service_fixtures import Services

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.deployments.deployments import Deployment, DeploymentKind, NewDeployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import DeploymentId, ReleaseId
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.domain.projects.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.storage.deployments import DeploymentFilter
from pushpaka_core.testing.objects.values import an_id

pytestmark = pytest.mark.anyio

S = DeploymentStatus
A_MINUTE = timedelta(minutes=1)


@pytest.fixture
async def shop(services: Services, ann: Actor) -> Project:
    return await services.project(ann, "shop")


async def causes(services: Services, actor: Actor, deployment: Deployment) -> list[str]:
    events = await services.deployments.timeline(actor, deployment.id)
    return [event.cause for event in events]


async def serve(services: Services, actor: Actor, project: Project) -> Deployment:
    """Deploy a project, and return the running deployment."""
    await services.enqueue(actor, project)
    return await services.run_next()


class TestDeploy:
    async def test_queues_the_projects_branch(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        queued = await services.enqueue(ann, shop)

        assert queued == await services.deployments.get(ann, queued.id)
        assert (S.QUEUED, "production", "main", None) == (
            queued.status, queued.target, queued.branch, queued.commit_sha,
        )  # fmt: skip
        assert (ann.user_id, shop.slug, 1) == (queued.user_id, queued.slug, queued.sequence)
        assert await services.queue.wait(timedelta(0))
        (event,) = await services.deployments.timeline(ann, queued.id)
        assert (S.QUEUED, ann.user_id) == (event.status, event.user_id)
        assert ("deployment.deploy_queued", "shop") == (await services.audit_trail(ann))[0]

    async def test_request_sets_branch_commit_and_target(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        wanted = {"branch": "next", "commit_sha": "abc1234", "target": "preview:next"}

        queued = await services.deployments.deploy(ann, NewDeployment(project_id=shop.id, **wanted))

        assert wanted == {name: getattr(queued, name) for name in wanted}

    async def test_supersedes_queued_deployments_of_the_same_target(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        new = NewDeployment(project_id=shop.id, target="preview:next")
        preview = await services.deployments.deploy(ann, new)
        other = await services.enqueue(ann, await services.project(ann, "blog"))
        older = await services.enqueue(ann, shop)
        async with services.events.subscribe(older.id) as messages:
            newer = await services.enqueue(ann, shop)
            with fail_after(10):
                message = await anext(messages)

        assert [S.QUEUED, S.QUEUED, S.SUPERSEDED, S.QUEUED] == [
            await services.status(each.id) for each in (preview, other, older, newer)
        ]
        texts = await causes(services, ann, older)
        assert ["Requested by a user", "A newer deployment was requested"] == texts
        assert isinstance(message, DeploymentChanged)
        assert S.SUPERSEDED is message.deployment.status

    async def test_the_last_concurrent_request_stays_queued(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        async with create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(services.enqueue, ann, shop)

        page = await services.deployments.page(ann, DeploymentFilter(), limit=100)
        found = sorted((each.sequence, each.status) for each in page.items)
        assert [*((number, S.SUPERSEDED) for number in range(1, 10)), (10, S.QUEUED)] == found


async def test_a_rollback_restores_the_environment(
    services: Services, ann: Actor, shop: Project
) -> None:
    new = NewEnvVar(project_id=shop.id, key="COLOR", value="red")
    for env_var in (new, evolve(new, scope=EnvScope.PRODUCTION, value="green")):
        await services.env_vars.set(ann, env_var)
    first = await serve(services, ann, shop)
    await services.env_vars.set(ann, evolve(new, scope=EnvScope.PRODUCTION, value="blue"))

    rollback = await services.deployments.rollback(ann, first.id)

    assert {"COLOR": "green"} == await services.environment(first.id)
    assert {"COLOR": "green"} == await services.environment(rollback.id)


class TestIdempotency:
    async def test_a_repeated_request_creates_one_deployment_per_day(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        new, deploy = NewDeployment(project_id=shop.id), services.deployments.deploy
        first = await deploy(ann, new, idempotency_key="k")
        services.clock.advance(24 * 3600)
        again = await deploy(ann, new, idempotency_key="k")
        with pytest.raises(ConflictError, match="Idempotency-Key"):
            await deploy(ann, evolve(new, branch="next"), idempotency_key="k")
        number = (await services.deployments.page(ann, DeploymentFilter())).total
        services.clock.advance(1)

        later = await deploy(ann, new, idempotency_key="k")

        assert (first.id, 1) == (again.id, number)
        assert first.id != later.id

    async def test_keys_belong_to_users(
        self, services: Services, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        blog, deploy = await services.project(bob, "blog"), services.deployments.deploy
        hers = await deploy(ann, NewDeployment(project_id=shop.id), idempotency_key="k")

        his = await deploy(bob, NewDeployment(project_id=blog.id), idempotency_key="k")

        assert hers.id != his.id

    async def test_key_also_identifies_a_rollback(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        served = await serve(services, ann, shop)
        first = await services.deployments.rollback(ann, served.id, idempotency_key="k")

        again = await services.deployments.rollback(ann, served.id, idempotency_key="k")

        assert first.id == again.id
        with pytest.raises(ConflictError):
            await services.deployments.deploy(
                ann, NewDeployment(project_id=shop.id), idempotency_key="k"
            )


class TestRollback:
    async def test_queues_the_same_release_again(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        first = await serve(services, ann, shop)
        await serve(services, ann, shop)

        rollback = await services.deployments.rollback(ann, first.id)

        assert (DeploymentKind.ROLLBACK, first.id, 3) == (
            rollback.kind, rollback.source_deployment_id, rollback.sequence,
        )  # fmt: skip
        assert (first.release_id, first.commit_sha, S.QUEUED) == (
            rollback.release_id, rollback.commit_sha, rollback.status,
        )  # fmt: skip
        assert ("deployment.rollback_queued", "shop") == (await services.audit_trail(ann))[0]

    async def test_supersedes_queued_and_in_progress_deployments(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        served = await serve(services, ann, shop)
        in_progress = await services.enqueue(ann, shop)
        await services.claim()
        waiting = await services.enqueue(ann, shop)

        await services.deployments.rollback(ann, served.id)

        assert S.SUPERSEDED is await services.status(waiting.id)
        assert services.clock() == (await services.row(in_progress.id)).cancel_requested_at
        assert "A rollback was requested" == (await causes(services, ann, in_progress))[-1]

    async def test_does_not_stop_a_committed_deployment(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        served = await serve(services, ann, shop)
        await services.enqueue(ann, shop)
        committed = await services.commit_next()

        await services.deployments.rollback(ann, served.id)

        assert (await services.row(committed.id)).cancel_requested_at is None

    async def test_rejects_a_missing_artifact(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        served = await serve(services, ann, shop)
        again = await services.deployments.rollback(ann, served.id, idempotency_key="once")
        for artifact in await services.builder.artifacts():
            await services.builder.remove(artifact)

        for verb in (services.deployments.rollback, services.deployments.redeploy):
            with pytest.raises(ConflictError, match="Deploy its commit again"):
                await verb(ann, served.id)

        assert again == await services.deployments.rollback(ann, served.id, idempotency_key="once")

    async def test_rejects_a_removed_release(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        served = await serve(services, ann, shop)
        async with services.storage.transaction() as uow:
            release = await uow.releases.of_deployment(served)
            assert release is not None
            await uow.releases.update(evolve(release, removed_at=services.clock()))
        with pytest.raises(ConflictError, match="Deploy its commit again"):
            await services.deployments.rollback(ann, served.id)

        await services.save(evolve(served, release_id=ReleaseId(an_id())))
        with pytest.raises(ConflictError, match="Deploy its commit again"):
            await services.deployments.rollback(ann, served.id)


class TestCancel:
    async def test_cancels_a_queued_deployment_at_once(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        waiting = await services.enqueue(ann, shop)

        cancelled = await services.deployments.cancel(ann, waiting.id)

        assert S.CANCELLED is cancelled.status
        assert ["Requested by a user", "The deployment was canceled"] == await causes(
            services, ann, waiting
        )
        assert ("deployment.cancelled", "shop") == (await services.audit_trail(ann))[0]

    async def test_marks_a_deployment_in_progress_once(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        await services.enqueue(ann, shop)
        held = await services.claim()

        await services.deployments.cancel(ann, held.id)
        services.clock.advance(5)
        again = await services.deployments.cancel(ann, held.id)

        async with services.storage.transaction() as uow:
            assert (await uow.deployments.renew_lease(held.lease)).cancel_requested
        assert S.BUILDING is again.status
        texts = await causes(services, ann, held)
        assert ["Requested by a user", "Cancellation was requested"] == texts


async def test_pages_show_own_deployments_newest_first(
    services: Services, ann: Actor, bob: Actor, shop: Project
) -> None:
    blog, page = await services.project(ann, "blog"), services.deployments.page
    await services.enqueue(bob, await services.project(bob, "his"))
    ids = []
    for project in (shop, blog, blog):
        services.clock.advance(1)
        ids.append((await services.enqueue(ann, project)).id)

    pages = [
        await page(ann, DeploymentFilter(), limit=2),
        await page(ann, DeploymentFilter(), limit=2, offset=2),
        await page(ann, DeploymentFilter(project_id=shop.id)),
    ]

    assert [(ids[:0:-1], 3), (ids[:1], 3), (ids[:1], 1)] == [
        ([each.id for each in page.items], page.total) for page in pages
    ]


class TestWait:
    @pytest.mark.parametrize("succeeds", [True, False])
    async def test_returns_when_live_or_final(
        self, services: Services, ann: Actor, shop: Project, *, succeeds: bool
    ) -> None:
        deployment = await services.enqueue(ann, shop)
        results = []

        async def wait() -> None:
            results.append(await services.deployments.wait(ann, deployment.id, A_MINUTE))

        with fail_after(30):
            async with create_task_group() as tasks:
                tasks.start_soon(wait)
                await wait_all_tasks_blocked()
                await services.publish_lines(deployment.id, "Working on it.")
                await wait_all_tasks_blocked()
                assert [] == results
                await (services.run_next() if succeeds else services.fail_next())

        assert [S.RUNNING if succeeds else S.FAILED] == [result.status for result in results]

    async def test_returns_at_once_if_live_or_final(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        running = await serve(services, ann, shop)

        with fail_after(10):
            assert running == await services.deployments.wait(ann, running.id, A_MINUTE)

    async def test_returns_the_current_state_on_timeout(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        deployment = await services.enqueue(ann, shop)

        assert deployment == await services.deployments.wait(ann, deployment.id, timedelta(0))

    async def test_works_without_events(
        self, services: Services, ann: Actor, shop: Project
    ) -> None:
        deployment = await services.enqueue(ann, shop)

        with fail_after(90):
            async with create_task_group() as tasks:
                tasks.start_soon(cancel_silently, services, deployment.id)
                waited = await services.deployments.wait(ann, deployment.id, 2 * A_MINUTE)

        assert S.CANCELLED is waited.status


async def cancel_silently(services: Services, id: DeploymentId) -> None:
    """Cancel a deployment in the database, without publishing an event."""
    await wait_all_tasks_blocked()
    async with services.storage.transaction() as uow:
        deployment = await uow.deployments.visible_to(PLATFORM).get(id)
        await uow.deployments.update(deployment.cancel(now=services.clock()))
