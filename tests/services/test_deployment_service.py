"""Deployments as their owners see them: queued, superseded, rolled back, cancelled, waited for."""

from datetime import timedelta

import pytest
from anyio import create_task_group, fail_after, wait_all_tasks_blocked
from attrs import evolve
from tests.services.world import SteppedClock, World

from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import (
    Deployment,
    DeploymentId,
    DeploymentKind,
    NewDeployment,
    ReleaseId,
)
from pushpaka_core.domain.env_vars import EnvScope, NewEnvVar
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.errors import ConflictError, NotAllowedError, NotFoundError
from pushpaka_core.ports.storage_deployments import DeploymentFilter
from pushpaka_core.testing.objects import an_id

pytestmark = pytest.mark.anyio

QUEUED = DeploymentStatus.QUEUED
SUPERSEDED = DeploymentStatus.SUPERSEDED
A_MINUTE = timedelta(minutes=1)


@pytest.fixture
async def shop(world: World, ann: Actor) -> Project:
    return await world.project(ann, "shop")


async def causes(world: World, actor: Actor, deployment: Deployment) -> list[str]:
    events = await world.deployments.timeline(actor, deployment.id)
    return [event.cause for event in events]


class TestDeploy:
    async def test_queues_the_projects_branch(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """Without more words the newest commit of the project's branch goes to production."""
        deployment = await world.deployed(ann, shop)

        assert deployment == await world.deployments.get(ann, deployment.id)
        assert (QUEUED, "production", "main", None) == (
            deployment.status,
            deployment.target,
            deployment.branch,
            deployment.commit_sha,
        )
        assert (ann.user_id, shop.slug, 1) == (
            deployment.user_id,
            deployment.slug,
            deployment.sequence,
        )

    async def test_takes_what_is_asked_for(self, world: World, ann: Actor, shop: Project) -> None:
        """Branch, commit and target of the request beat the project's."""
        new = NewDeployment(
            project_id=shop.id, branch="next", commit_sha="abc1234", target="preview:next"
        )

        deployment = await world.deployments.deploy(ann, new)

        assert ("next", "abc1234", "preview:next") == (
            deployment.branch,
            deployment.commit_sha,
            deployment.target,
        )

    async def test_wakes_a_worker_and_leaves_traces(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """A queued deployment is announced, and is in the timeline and the audit trail."""
        deployment = await world.deployed(ann, shop)

        (event,) = await world.deployments.timeline(ann, deployment.id)
        assert await world.queue.wait(timedelta(0))
        assert (QUEUED, ann.user_id) == (event.status, event.user_id)
        assert ("deployment.deploy_queued", "shop") == (await world.trail(ann))[0]

    async def test_supersedes_what_waits_for_the_same_target(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """Of several that wait for one target the newest is left."""
        older = await world.deployed(ann, shop)
        async with world.events.subscribe(older.id) as messages:
            newer = await world.deployed(ann, shop)
            with fail_after(10):
                message = await anext(messages)

        assert SUPERSEDED is await world.status(older.id)
        assert QUEUED is await world.status(newer.id)
        assert ["It was asked for", "A newer one was asked for"] == await causes(world, ann, older)
        assert isinstance(message, DeploymentMoved)
        assert SUPERSEDED is message.deployment.status

    async def test_leaves_other_targets_and_projects_alone(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """A preview and another project's deployment go on waiting."""
        preview = await world.deployments.deploy(
            ann, NewDeployment(project_id=shop.id, target="preview:next")
        )
        other = await world.deployed(ann, await world.project(ann, "blog"))

        await world.deployed(ann, shop)

        assert [QUEUED, QUEUED] == [await world.status(d.id) for d in (preview, other)]

    async def test_does_not_starve_one_in_work(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """A newer push does not disturb the one in work."""
        in_work = await world.deployed(ann, shop)
        await world.claimed()

        await world.deployed(ann, shop)

        row = await world.row(in_work.id)
        assert (DeploymentStatus.BUILDING, None) == (row.status, row.cancel_requested_at)

    async def test_racing_ones_leave_one(self, world: World, ann: Actor, shop: Project) -> None:
        """Of requests that race, the one with the greatest sequence is left waiting."""
        async with create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(world.deployed, ann, shop)

        page = await world.deployments.page(ann, DeploymentFilter(), limit=100)
        by_sequence = sorted(page.items, key=lambda d: d.sequence)
        assert [*range(1, 11)] == [d.sequence for d in by_sequence]
        assert [SUPERSEDED] * 9 + [QUEUED] == [d.status for d in by_sequence]

    async def test_needs_the_projects_owner(self, world: World, bob: Actor, shop: Project) -> None:
        """Somebody else's project cannot be deployed, also not by its id in a body."""
        with pytest.raises(NotFoundError, match="no such project"):
            await world.deployed(bob, shop)

    async def test_needs_a_scope_for_it(self, world: World, ann: Actor, shop: Project) -> None:
        """A token for deploying may deploy; one for reading may not."""
        await world.deployed(evolve(ann, scope=Scope.DEPLOY), shop)

        with pytest.raises(NotAllowedError):
            await world.deployed(evolve(ann, scope=Scope.READ), shop)


class TestEnvironment:
    async def test_is_frozen_when_it_is_asked_for(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """What is set later is for the next deployment; the target's own scope wins."""
        new = NewEnvVar(project_id=shop.id, key="COLOUR", value="red")
        await world.env_vars.set(ann, new)
        await world.env_vars.set(ann, evolve(new, scope=EnvScope.PRODUCTION, value="green"))

        deployment = await world.deployed(ann, shop)
        await world.env_vars.set(ann, evolve(new, scope=EnvScope.PRODUCTION, value="blue"))

        assert {"COLOUR": "green"} == await world.environment(deployment.id)

    async def test_comes_back_with_a_rollback(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """A rollback brings back the values that were served, whatever they are today."""
        new = NewEnvVar(project_id=shop.id, key="COLOUR", value="red")
        await world.env_vars.set(ann, new)
        first = await world.deployed(ann, shop)
        await world.served()
        await world.env_vars.set(ann, evolve(new, value="blue"))

        rollback = await world.deployments.rollback(ann, first.id)

        assert {"COLOUR": "red"} == await world.environment(rollback.id)


class TestIdempotency:
    async def test_the_same_request_makes_one_deployment(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """A repeated request gets the first one's deployment, for 24 hours."""
        new = NewDeployment(project_id=shop.id)
        first = await world.deployments.deploy(ann, new, idempotency_key="k")
        world.clock.tick(24 * 3600)
        again = await world.deployments.deploy(ann, new, idempotency_key="k")

        world.clock.tick(1)
        later = await world.deployments.deploy(ann, new, idempotency_key="k")

        assert first.id == again.id
        assert first.id != later.id

    async def test_another_request_is_a_conflict(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """A key that stands for something else is refused, and makes nothing."""
        new = NewDeployment(project_id=shop.id)
        await world.deployments.deploy(ann, new, idempotency_key="k")

        with pytest.raises(ConflictError, match="Idempotency-Key"):
            await world.deployments.deploy(ann, evolve(new, branch="next"), idempotency_key="k")

        assert 1 == (await world.deployments.page(ann, DeploymentFilter())).total

    async def test_keys_belong_to_people(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """Two people may use the same key."""
        blog = await world.project(bob, "blog")
        hers = await world.deployments.deploy(
            ann, NewDeployment(project_id=shop.id), idempotency_key="k"
        )

        his = await world.deployments.deploy(
            bob, NewDeployment(project_id=blog.id), idempotency_key="k"
        )

        assert hers.id != his.id

    async def test_holds_for_rollbacks(self, world: World, ann: Actor, shop: Project) -> None:
        """A repeated rollback is one rollback; its key is no deploy's."""
        served = await world.deployed(ann, shop)
        await world.served()
        first = await world.deployments.rollback(ann, served.id, idempotency_key="k")

        again = await world.deployments.rollback(ann, served.id, idempotency_key="k")

        assert first.id == again.id
        with pytest.raises(ConflictError):
            await world.deployments.deploy(
                ann, NewDeployment(project_id=shop.id), idempotency_key="k"
            )


class TestRollback:
    async def test_serves_the_same_release_again(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """A rollback is a new deployment with the old one's release, and so without a build."""
        await world.deployed(ann, shop)
        first = await world.served()
        await world.deployed(ann, shop)
        await world.served()

        rollback = await world.deployments.rollback(ann, first.id)

        assert (DeploymentKind.ROLLBACK, first.id, 3) == (
            rollback.kind,
            rollback.source_deployment_id,
            rollback.sequence,
        )
        assert (first.release_id, first.commit_sha, QUEUED) == (
            rollback.release_id,
            rollback.commit_sha,
            rollback.status,
        )
        assert ("deployment.rollback_queued", "shop") == (await world.trail(ann))[0]

    async def test_ends_what_waits_and_what_is_in_work(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """A rollback supersedes what waits, and asks what is in work to end."""
        served = await world.deployed(ann, shop)
        await world.served()
        in_work = await world.deployed(ann, shop)
        await world.claimed()
        waiting = await world.deployed(ann, shop)

        await world.deployments.rollback(ann, served.id)

        assert SUPERSEDED is await world.status(waiting.id)
        assert world.clock() == (await world.row(in_work.id)).cancel_requested_at
        assert "A rollback was asked for" == (await causes(world, ann, in_work))[-1]

    async def test_lets_a_committed_one_finish(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """What is past its commit point cannot be asked to end; the rollback follows it."""
        served = await world.deployed(ann, shop)
        await world.served()
        await world.deployed(ann, shop)
        committed = await world.committed()

        await world.deployments.rollback(ann, served.id)

        assert (await world.row(committed.id)).cancel_requested_at is None

    async def test_refuses_what_never_ran(self, world: World, ann: Actor, shop: Project) -> None:
        """There is nothing to serve again of one that waits, or failed with a release."""
        await world.deployed(ann, shop)
        held = await world.claimed()
        failed = await world.kept(
            evolve(held.fail("No luck.", at=world.clock()), release_id=ReleaseId(an_id()))
        )
        waiting = await world.deployed(ann, shop)

        for source, status in ((failed, "failed"), (waiting, "queued")):
            with pytest.raises(ConflictError, match=f"is {status} and never ran"):
                await world.deployments.rollback(ann, source.id)

    async def test_refuses_what_was_lost(self, world: World, ann: Actor, shop: Project) -> None:
        """An artifact that is gone, though nobody noted it, is not promised to be served."""
        await world.deployed(ann, shop)
        served = await world.served()
        again = await world.deployments.rollback(ann, served.id, idempotency_key="once")
        for artifact in await world.builder.artifacts():
            await world.builder.remove(artifact)

        for verb in (world.deployments.rollback, world.deployments.redeploy):
            with pytest.raises(ConflictError, match="Deploy its commit again"):
                await verb(ann, served.id)

        assert again == await world.deployments.rollback(ann, served.id, idempotency_key="once")

    async def test_refuses_what_is_not_kept_any_more(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """Where retention took the artifact or the release away, it says what to do instead."""
        await world.deployed(ann, shop)
        served = await world.served()
        async with world.storage.transaction() as uow:
            release = await uow.releases.of_deployment(served)
            assert release is not None
            await uow.releases.update(evolve(release, removed_at=world.clock()))
        with pytest.raises(ConflictError, match="Deploy its commit again"):
            await world.deployments.rollback(ann, served.id)

        await world.kept(evolve(served, release_id=ReleaseId(an_id())))
        with pytest.raises(ConflictError, match="Deploy its commit again"):
            await world.deployments.rollback(ann, served.id)

    async def test_needs_the_owner_and_a_scope(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """Others see no deployment, and a token for reading rolls nothing back."""
        await world.deployed(ann, shop)
        served = await world.served()

        with pytest.raises(NotFoundError, match="no such deployment"):
            await world.deployments.rollback(bob, served.id)
        with pytest.raises(NotAllowedError):
            await world.deployments.rollback(evolve(ann, scope=Scope.READ), served.id)


class TestCancel:
    async def test_ends_one_that_waits_at_once(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """What nobody works on is cancelled in the same moment."""
        deployment = await world.deployed(ann, shop)

        cancelled = await world.deployments.cancel(ann, deployment.id)

        assert DeploymentStatus.CANCELLED is cancelled.status
        assert ["It was asked for", "It was cancelled"] == await causes(world, ann, deployment)
        assert ("deployment.cancelled", "shop") == (await world.trail(ann))[0]

    async def test_asks_the_worker_of_one_in_work(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """The worker hears of it with its next heartbeat; asking twice is asking once."""
        await world.deployed(ann, shop)
        held = await world.claimed()

        await world.deployments.cancel(ann, held.id)
        world.clock.tick(5)
        again = await world.deployments.cancel(ann, held.id)

        async with world.storage.transaction() as uow:
            assert (await uow.deployments.beat(held.lease)).cancel_requested
        assert DeploymentStatus.BUILDING is again.status
        assert ["It was asked for", "Somebody asked to cancel it"] == await causes(world, ann, held)

    async def test_is_too_late_after_the_commit_point(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """Neither a committed nor a running deployment can be cancelled."""
        await world.deployed(ann, shop)
        committed = await world.committed()
        with pytest.raises(ConflictError, match="too late"):
            await world.deployments.cancel(ann, committed.id)

    async def test_is_too_late_at_the_end(self, world: World, ann: Actor, shop: Project) -> None:
        """What is over cannot be cancelled."""
        await world.deployed(ann, shop)
        failed = await world.failed()

        with pytest.raises(ConflictError, match="the deployment is failed"):
            await world.deployments.cancel(ann, failed.id)

    async def test_needs_the_owner_and_a_scope(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """Others see no deployment, and a token for reading cancels nothing."""
        deployment = await world.deployed(ann, shop)

        with pytest.raises(NotFoundError):
            await world.deployments.cancel(bob, deployment.id)
        with pytest.raises(NotAllowedError):
            await world.deployments.cancel(evolve(ann, scope=Scope.READ), deployment.id)


class TestShow:
    async def test_pages_are_of_the_owner(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """A list holds the actor's own, the newest first, and so does its total."""
        blog = await world.project(ann, "blog")
        await world.deployed(bob, await world.project(bob, "his"))
        ids = []
        for project in (shop, blog, blog):
            world.clock.tick(1)
            ids.append((await world.deployed(ann, project)).id)

        page = await world.deployments.page(ann, DeploymentFilter(), limit=2)
        rest = await world.deployments.page(ann, DeploymentFilter(), limit=2, offset=2)
        of_shop = await world.deployments.page(ann, DeploymentFilter(project_id=shop.id))

        assert (ids[:0:-1], 3) == ([d.id for d in page.items], page.total)
        assert (ids[:1], 3) == ([d.id for d in rest.items], rest.total)
        assert (ids[:1], 1) == ([d.id for d in of_shop.items], of_shop.total)

    async def test_somebody_elses_do_not_exist(
        self, world: World, ann: Actor, bob: Actor, shop: Project
    ) -> None:
        """No way of looking shows anything of somebody else."""
        deployment = await world.deployed(ann, shop)

        for attempt in (
            world.deployments.get(bob, deployment.id),
            world.deployments.timeline(bob, deployment.id),
            world.deployments.wait(bob, deployment.id, A_MINUTE),
            world.deployments.page(bob, DeploymentFilter(project_id=shop.id)),
        ):
            with pytest.raises(NotFoundError):
                await attempt


class TestWait:
    @pytest.mark.parametrize("ends_well", [True, False])
    async def test_returns_when_it_runs_or_is_over(
        self, world: World, ann: Actor, shop: Project, *, ends_well: bool
    ) -> None:
        """Who waits is told of the first state in which nothing more is to be expected."""
        deployment = await world.deployed(ann, shop)
        results = []

        async def wait() -> None:
            results.append(await world.deployments.wait(ann, deployment.id, A_MINUTE))

        with fail_after(5):
            async with create_task_group() as tasks:
                tasks.start_soon(wait)
                await wait_all_tasks_blocked()
                await world.say(deployment.id, "Working on it.")
                await wait_all_tasks_blocked()
                assert [] == results
                await (world.served() if ends_well else world.failed())

        wanted = DeploymentStatus.RUNNING if ends_well else DeploymentStatus.FAILED
        assert [wanted] == [result.status for result in results]

    async def test_returns_at_once_what_is_settled(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """Nobody waits for what has happened already."""
        await world.deployed(ann, shop)
        running = await world.served()

        with fail_after(10):
            assert running == await world.deployments.wait(ann, running.id, A_MINUTE)

    async def test_returns_what_there_is_when_time_is_over(
        self, world: World, ann: Actor, shop: Project
    ) -> None:
        """A deployment that still waits is returned as it is."""
        deployment = await world.deployed(ann, shop)

        with fail_after(10):
            waited = await world.deployments.wait(ann, deployment.id, timedelta(0))

        assert deployment == waited

    async def test_finds_out_by_itself_when_the_message_is_lost(self) -> None:
        """A lost message costs one look into storage, not the answer."""
        world = World.of(
            SteppedClock(),
            registration=RegistrationPolicy.OPEN,
            recheck=timedelta(milliseconds=10),
        )
        ann = await world.signed_up("ann@example.com")
        deployment = await world.deployed(ann, await world.project(ann))

        with fail_after(5):
            async with create_task_group() as tasks:
                tasks.start_soon(cancel_silently, world, deployment.id)
                waited = await world.deployments.wait(ann, deployment.id, A_MINUTE)

        assert DeploymentStatus.CANCELLED is waited.status


async def cancel_silently(world: World, id: DeploymentId) -> None:
    """End a deployment that somebody waits for, without telling anybody."""
    await wait_all_tasks_blocked()
    async with world.storage.transaction() as uow:
        deployment = await uow.deployments.visible_to(PLATFORM).get(id)
        await uow.deployments.update(deployment.cancel(at=world.clock()))
