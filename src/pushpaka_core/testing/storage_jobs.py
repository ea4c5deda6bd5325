"""What every storage must do with deployments as jobs, as tests."""

from contextlib import suppress
from datetime import datetime

import pytest
from anyio import create_task_group
from attrs import evolve

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Deployment, DeploymentId, Lease, ReleaseId
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.storage_deployments import LeaseSight, Pulse
from pushpaka_core.testing.keeping import keep, keep_deployment, keep_project
from pushpaka_core.testing.objects import (
    a_deployment,
    a_project,
    a_running_deployment,
    a_user,
    an_id,
    later,
)

_SOON = later(1)


async def claim(
    storage: Storage, worker: str = "worker-1", *, at: datetime = _SOON
) -> Deployment | None:
    """Claim the next deployment in a transaction of its own."""
    async with storage.transaction() as uow:
        return await uow.deployments.claim(worker, at=at)


async def work_through(storage: Storage, *, slots: int) -> list[UserId]:
    """Do all that waits, so many at a time and the first claimed first; return whose it was."""
    in_work: list[Deployment] = []
    order: list[UserId] = []
    while deployment := await claim(storage, at=later(len(order))):
        in_work.append(deployment)
        order.append(deployment.user_id)
        if len(in_work) == slots:
            async with storage.transaction() as uow:
                done = await uow.deployments.visible_to(PLATFORM).get(in_work.pop(0).id)
                await uow.deployments.update(done.fail("It broke.", at=later(len(order))))
    return order


async def claimed(storage: Storage) -> Deployment:
    """Keep a deployment and claim it."""
    await keep_deployment(storage)
    deployment = await claim(storage)
    assert deployment is not None
    return deployment


class ClaimsContract:
    """The promise of `Deployments.claim`."""

    async def test_nothing_to_do_gives_nothing(self, storage: Storage) -> None:
        """Without a queued deployment a claim is None."""
        await keep(storage, a_running_deployment(await keep_project(storage)))

        assert await claim(storage) is None

    async def test_a_claimed_deployment_belongs_to_its_worker(self, storage: Storage) -> None:
        """It is in its first step, under the next fence, and everybody sees it so."""
        queued = await keep_deployment(storage)

        deployment = await claim(storage, "worker-7")

        assert deployment == queued.claim("worker-7", at=later(1))
        async with storage.snapshot() as uow:
            assert deployment == await uow.deployments.visible_to(PLATFORM).get(queued.id)

    async def test_a_known_release_is_not_built_again(self, storage: Storage) -> None:
        """A rollback begins behind the build."""
        project = await keep_project(storage)
        await keep(storage, a_deployment(project, release_id=ReleaseId(an_id())))

        deployment = await claim(storage)

        assert deployment is not None
        assert (DeploymentStatus.DEPLOYING, Phase.RELEASE) == (deployment.status, deployment.phase)

    async def test_a_claimed_deployment_can_be_updated_at_once(self, storage: Storage) -> None:
        """The version that a claim returns is the one that is kept."""
        deployment = await claimed(storage)

        async with storage.transaction() as uow:
            kept = await uow.deployments.update(deployment.enter(Phase.BUILD, at=later(2)))

        assert deployment.version + 1 == kept.version

    async def test_the_oldest_comes_first(self, storage: Storage) -> None:
        """Of one user's projects the one that waits longest is served."""
        owner = a_user()
        young_project, old_project = a_project(owner), a_project(owner)
        young = a_deployment(young_project, created_at=later(-1))
        old = a_deployment(old_project, created_at=later(-2))
        await keep(storage, owner, young_project, old_project, young, old)

        order = [await claim(storage), await claim(storage)]

        assert [old.id, young.id] == [d.id for d in order if d]

    async def test_one_deployment_of_a_target_at_a_time(self, storage: Storage) -> None:
        """While one is in work the next of its target waits; another target does not."""
        project = await keep_project(storage)
        first, second = a_deployment(project), a_deployment(project)
        preview = a_deployment(project, target="preview:next")
        await keep(storage, first, second, preview)

        order = [await claim(storage) for _ in range(3)]

        assert [first.id, preview.id, None] == [d and d.id for d in order]

    async def test_the_next_of_a_target_follows_the_end_of_the_one_in_work(
        self, storage: Storage
    ) -> None:
        """A target whose work is over takes its turn again."""
        project = await keep_project(storage)
        first, second = a_deployment(project), a_deployment(project)
        await keep(storage, first, second)
        in_work = await claim(storage)
        assert in_work is not None
        async with storage.transaction() as uow:
            await uow.deployments.update(in_work.fail("It broke.", at=later(2)))

        following = await claim(storage)

        assert following is not None
        assert second.id == following.id

    async def test_the_user_with_the_fewest_in_work_comes_first(self, storage: Storage) -> None:
        """Who queues a hundred does not make others wait for them all."""
        ann, bob = a_user(), a_user()
        of_ann = [a_project(ann) for _ in range(3)]
        of_bob = a_project(bob)
        await keep(storage, ann, bob, *of_ann, of_bob)
        await keep(storage, *(a_deployment(project, created_at=later(-9)) for project in of_ann))
        await keep(storage, a_deployment(of_bob, created_at=later(-1)))

        order = [await claim(storage) for _ in range(4)]

        assert [ann.id, bob.id, ann.id, ann.id] == [d.user_id for d in order if d]

    @pytest.mark.parametrize("slots", [1, 2])
    async def test_users_take_turns_when_slots_become_free(
        self, storage: Storage, slots: int
    ) -> None:
        """Nobody waits for the whole backlog of others, however few work at a time."""
        users = {"a": a_user(), "b": a_user(), "c": a_user()}
        names = {user.id: name for name, user in users.items()}
        await keep(storage, *users.values())
        for age, name in enumerate("aaaaabbbbbc"):
            project = a_project(users[name])
            await keep(storage, project, a_deployment(project, created_at=later(age - 99)))

        turns = await work_through(storage, slots=slots)

        assert "abcabababab" == "".join(names[user_id] for user_id in turns)

    async def test_no_two_claims_get_the_same(self, storage: Storage) -> None:
        """However many workers ask at once, each deployment is given away once."""
        owner = a_user()
        projects = [a_project(owner) for _ in range(6)]
        await keep(storage, owner, *projects, *(a_deployment(project) for project in projects))
        taken: list[DeploymentId] = []

        async def work(worker: str) -> None:
            while deployment := await claim(storage, worker):
                taken.append(deployment.id)

        async with create_task_group() as workers:
            for number in range(4):
                workers.start_soon(work, f"worker-{number}")

        assert (6, 6) == (len(taken), len(set(taken)))

    async def test_a_rolled_back_claim_is_none(self, storage: Storage) -> None:
        """A worker that dies before its claim is committed leaves the deployment to others."""
        queued = await keep_deployment(storage)
        with suppress(ZeroDivisionError):
            async with storage.transaction() as uow:
                await uow.deployments.claim("worker-1", at=later(1))
                raise ZeroDivisionError

        deployment = await claim(storage, "worker-2")

        assert deployment is not None
        assert (queued.id, "worker-2", 1) == (deployment.id, deployment.worker, deployment.fence)


class LeasesContract:
    """The promises of `Deployments` about leases."""

    async def test_a_held_deployment_is_returned(self, storage: Storage) -> None:
        """The present lease gives its deployment."""
        deployment = await claimed(storage)

        async with storage.transaction() as uow:
            assert deployment == await uow.deployments.held(deployment.lease)

    async def test_a_lost_lease_gives_nothing(self, storage: Storage) -> None:
        """An older or a foreign fence raises, in a read as in a heartbeat."""
        deployment = await claimed(storage)
        leases = (
            Lease(deployment_id=deployment.id, fence=deployment.fence - 1),
            Lease(deployment_id=deployment.id, fence=deployment.fence + 1),
            Lease(deployment_id=DeploymentId(an_id()), fence=deployment.fence),
        )

        async with storage.transaction() as uow:
            for lease in leases:
                with pytest.raises(LeaseLostError):
                    await uow.deployments.held(lease)
                with pytest.raises(LeaseLostError):
                    await uow.deployments.beat(lease)

    async def test_a_deployment_out_of_work_is_held_by_nobody(self, storage: Storage) -> None:
        """Requeued, ended or running: the last lease is over, though the fence is the same."""
        deployment = await claimed(storage)
        async with storage.transaction() as uow:
            await uow.deployments.update(deployment.requeue("Its worker was lost.", at=later(2)))

        async with storage.transaction() as uow:
            with pytest.raises(LeaseLostError):
                await uow.deployments.held(deployment.lease)
            with pytest.raises(LeaseLostError):
                await uow.deployments.beat(deployment.lease)

    async def test_heartbeats_are_counted(self, storage: Storage) -> None:
        """An observer sees the lease move with each beat."""
        deployment = await claimed(storage)

        async with storage.transaction() as uow:
            await uow.deployments.beat(deployment.lease)
            await uow.deployments.beat(deployment.lease)

        sight = LeaseSight(lease=deployment.lease, heartbeat=2, worker="worker-1")
        async with storage.snapshot() as uow:
            assert [sight] == list(await uow.deployments.leases())

    async def test_a_heartbeat_tells_of_a_cancel_request(self, storage: Storage) -> None:
        """A worker learns from its own beat that somebody wants it to stop."""
        deployment = await claimed(storage)
        async with storage.transaction() as uow:
            before = await uow.deployments.beat(deployment.lease)
            await uow.deployments.update(deployment.cancel(at=later(2)))

        async with storage.transaction() as uow:
            after = await uow.deployments.beat(deployment.lease)

        assert (Pulse(cancel_requested=False), Pulse(cancel_requested=True)) == (before, after)

    async def test_only_deployments_in_work_have_leases(self, storage: Storage) -> None:
        """What waits, serves or is over is not watched."""
        project = await keep_project(storage)
        await keep(storage, a_deployment(project), a_running_deployment(project, fence=4))

        async with storage.snapshot() as uow:
            assert [] == list(await uow.deployments.leases())

    async def test_a_new_claim_moves_the_fence_on(self, storage: Storage) -> None:
        """The lease before loses its right at once."""
        first = await claimed(storage)
        async with storage.transaction() as uow:
            await uow.deployments.update(first.requeue("Its worker was lost.", at=later(2)))

        second = await claim(storage, "worker-2")

        assert second is not None
        assert evolve(first.lease, fence=first.fence + 1) == second.lease
        async with storage.transaction() as uow:
            with pytest.raises(LeaseLostError):
                await uow.deployments.beat(first.lease)
