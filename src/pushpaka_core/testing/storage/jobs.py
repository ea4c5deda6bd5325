"""Contract tests of deployments as jobs of workers."""

from contextlib import suppress
from datetime import datetime

import pytest
from anyio import create_task_group
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.ids import DeploymentId, ReleaseId, UserId
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.storage.deployments import HeartbeatResult, LeaseObservation
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_running_deployment
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import an_id, later
from pushpaka_core.testing.stored_objects import store, store_deployment, store_project

_SOON = later(1)


async def claim(
    storage: Storage, worker: str = "worker-1", *, now: datetime = _SOON
) -> Deployment | None:
    """Claim the next deployment in a separate transaction."""
    async with storage.transaction() as uow:
        return await uow.deployments.claim(worker, now=now)


async def process_queue(storage: Storage, *, slots: int) -> list[UserId]:
    """
    Process all queued deployments, *slots* at a time, and return their owners in the order of the
    claims.
    """
    in_progress: list[Deployment] = []
    order: list[UserId] = []
    while deployment := await claim(storage, now=later(len(order))):
        in_progress.append(deployment)
        order.append(deployment.user_id)
        if len(in_progress) == slots:
            async with storage.transaction() as uow:
                done = await uow.deployments.visible_to(PLATFORM).get(in_progress.pop(0).id)
                await uow.deployments.update(done.fail("It broke.", now=later(len(order))))
    return order


async def claimed_deployment(storage: Storage) -> Deployment:
    """Store a deployment, claim it, and return it."""
    await store_deployment(storage)
    deployment = await claim(storage)
    assert deployment is not None
    return deployment


class ClaimsContract:
    """Contract tests of `Deployments.claim`."""

    async def test_claim_of_an_empty_queue_returns_none(self, storage: Storage) -> None:
        """A running deployment is not claimed again."""
        await store(storage, a_running_deployment(await store_project(storage)))

        assert await claim(storage) is None

    async def test_a_claimed_deployment_belongs_to_its_worker(self, storage: Storage) -> None:
        """A claim stores the worker, the first phase and the next fence."""
        queued = await store_deployment(storage)

        deployment = await claim(storage, "worker-7")

        assert deployment == queued.claim("worker-7", now=later(1))
        async with storage.snapshot() as uow:
            assert deployment == await uow.deployments.visible_to(PLATFORM).get(queued.id)

    async def test_a_known_release_is_not_built_again(self, storage: Storage) -> None:
        """A rollback starts in the phase after the build."""
        project = await store_project(storage)
        await store(storage, a_deployment(project, release_id=ReleaseId(an_id())))

        deployment = await claim(storage)

        assert deployment is not None
        assert (DeploymentStatus.DEPLOYING, Phase.RELEASE) == (deployment.status, deployment.phase)

    async def test_a_claimed_deployment_can_be_updated_at_once(self, storage: Storage) -> None:
        """A claim returns the stored version, so that an update does not conflict."""
        deployment = await claimed_deployment(storage)

        async with storage.transaction() as uow:
            kept = await uow.deployments.update(deployment.enter(Phase.BUILD, now=later(2)))

        assert deployment.version + 1 == kept.version

    async def test_the_oldest_deployment_is_claimed_first(self, storage: Storage) -> None:
        """Among projects of one user, the deployment that waits longest is next."""
        owner = a_user()
        young_project, old_project = a_project(owner), a_project(owner)
        young = a_deployment(young_project, created_at=later(-1))
        old = a_deployment(old_project, created_at=later(-2))
        await store(storage, owner, young_project, old_project, young, old)

        order = [await claim(storage), await claim(storage)]

        assert [old.id, young.id] == [d.id for d in order if d]

    async def test_deployments_of_a_target_are_claimed_one_at_a_time(
        self, storage: Storage
    ) -> None:
        """The next deployment of a target waits, but those of other targets do not."""
        project = await store_project(storage)
        first, second = a_deployment(project), a_deployment(project)
        preview = a_deployment(project, target="preview:next")
        await store(storage, first, second, preview)

        order = [await claim(storage) for _ in range(3)]

        assert [first.id, preview.id, None] == [d and d.id for d in order]

    async def test_targets_have_one_deployment_in_progress(self, storage: Storage) -> None:
        """The next deployment of a target can be claimed as soon as the first one is final."""
        project = await store_project(storage)
        first, second = a_deployment(project), a_deployment(project)
        await store(storage, first, second)
        in_progress = await claim(storage)
        assert in_progress is not None
        async with storage.transaction() as uow:
            await uow.deployments.update(in_progress.fail("It broke.", now=later(2)))

        following = await claim(storage)

        assert following is not None
        assert second.id == following.id

    async def test_user_with_the_fewest_deployments_in_progress_is_next(
        self, storage: Storage
    ) -> None:
        """A user with many queued deployments does not block others."""
        ann, bob = a_user(), a_user()
        of_ann = [a_project(ann) for _ in range(3)]
        of_bob = a_project(bob)
        await store(storage, ann, bob, *of_ann, of_bob)
        await store(storage, *(a_deployment(project, created_at=later(-9)) for project in of_ann))
        await store(storage, a_deployment(of_bob, created_at=later(-1)))

        order = [await claim(storage) for _ in range(4)]

        assert [ann.id, bob.id, ann.id, ann.id] == [d.user_id for d in order if d]

    @pytest.mark.parametrize("slots", [1, 2])
    async def test_users_take_turns_when_slots_become_free(
        self, storage: Storage, slots: int
    ) -> None:
        """Deployments of different users are claimed in turn, with one slot and with two."""
        users = {"a": a_user(), "b": a_user(), "c": a_user()}
        names = {user.id: name for name, user in users.items()}
        await store(storage, *users.values())
        for age, name in enumerate("aaaaabbbbbc"):
            project = a_project(users[name])
            await store(storage, project, a_deployment(project, created_at=later(age - 99)))

        turns = await process_queue(storage, slots=slots)

        assert "abcabababab" == "".join(names[user_id] for user_id in turns)

    async def test_concurrent_claims_get_different_deployments(self, storage: Storage) -> None:
        """Concurrent workers claim each deployment once."""
        owner = a_user()
        projects = [a_project(owner) for _ in range(6)]
        await store(storage, owner, *projects, *(a_deployment(project) for project in projects))
        taken: list[DeploymentId] = []

        async def work(worker: str) -> None:
            while deployment := await claim(storage, worker):
                taken.append(deployment.id)

        async with create_task_group() as workers:
            for number in range(4):
                workers.start_soon(work, f"worker-{number}")

        assert (6, 6) == (len(taken), len(set(taken)))

    async def test_rolled_back_claim_has_no_effect(self, storage: Storage) -> None:
        """A claim that was not committed leaves the deployment queued."""
        queued = await store_deployment(storage)
        with suppress(ZeroDivisionError):
            async with storage.transaction() as uow:
                await uow.deployments.claim("worker-1", now=later(1))
                raise ZeroDivisionError

        deployment = await claim(storage, "worker-2")

        assert deployment is not None
        assert (queued.id, "worker-2", 1) == (deployment.id, deployment.worker, deployment.fence)


class LeasesContract:
    """Contract tests of leases in `Deployments`."""

    async def test_a_lease_holder_can_read_its_deployment(self, storage: Storage) -> None:
        """`get_held` returns the deployment for its current lease."""
        deployment = await claimed_deployment(storage)

        async with storage.transaction() as uow:
            assert deployment == await uow.deployments.get_held(deployment.lease)

    async def test_lost_lease_is_rejected(self, storage: Storage) -> None:
        """Reads and heartbeats with another fence or deployment raise LeaseLostError."""
        deployment = await claimed_deployment(storage)
        leases = (
            Lease(deployment_id=deployment.id, fence=deployment.fence - 1),
            Lease(deployment_id=deployment.id, fence=deployment.fence + 1),
            Lease(deployment_id=DeploymentId(an_id()), fence=deployment.fence),
        )

        async with storage.transaction() as uow:
            for lease in leases:
                with pytest.raises(LeaseLostError):
                    await uow.deployments.get_held(lease)
                with pytest.raises(LeaseLostError):
                    await uow.deployments.renew_lease(lease)

    async def test_a_requeued_deployment_has_no_lease_holder(self, storage: Storage) -> None:
        """A requeued deployment has no lease, although its fence is unchanged."""
        deployment = await claimed_deployment(storage)
        async with storage.transaction() as uow:
            await uow.deployments.update(deployment.requeue("The worker was lost.", now=later(2)))

        async with storage.transaction() as uow:
            with pytest.raises(LeaseLostError):
                await uow.deployments.get_held(deployment.lease)
            with pytest.raises(LeaseLostError):
                await uow.deployments.renew_lease(deployment.lease)

    async def test_heartbeats_are_counted(self, storage: Storage) -> None:
        """The number of heartbeats is visible to observers of the lease."""
        deployment = await claimed_deployment(storage)

        async with storage.transaction() as uow:
            await uow.deployments.renew_lease(deployment.lease)
            await uow.deployments.renew_lease(deployment.lease)

        observation = LeaseObservation(lease=deployment.lease, heartbeat=2, worker="worker-1")
        async with storage.snapshot() as uow:
            assert [observation] == list(await uow.deployments.leases())

    async def test_a_heartbeat_returns_a_cancel_request(self, storage: Storage) -> None:
        """The heartbeat tells the worker that a cancellation was requested."""
        deployment = await claimed_deployment(storage)
        async with storage.transaction() as uow:
            before = await uow.deployments.renew_lease(deployment.lease)
            await uow.deployments.update(deployment.cancel(now=later(2)))

        async with storage.transaction() as uow:
            after = await uow.deployments.renew_lease(deployment.lease)

        assert (
            HeartbeatResult(cancel_requested=False),
            HeartbeatResult(cancel_requested=True),
        ) == (before, after)

    async def test_only_deployments_in_progress_have_leases(self, storage: Storage) -> None:
        """Queued, running and final deployments have no leases."""
        project = await store_project(storage)
        await store(storage, a_deployment(project), a_running_deployment(project, fence=4))

        async with storage.snapshot() as uow:
            assert [] == list(await uow.deployments.leases())

    async def test_a_new_claim_increments_the_fence(self, storage: Storage) -> None:
        """Once a deployment is claimed again, its previous lease is invalid."""
        first = await claimed_deployment(storage)
        async with storage.transaction() as uow:
            await uow.deployments.update(first.requeue("The worker was lost.", now=later(2)))

        second = await claim(storage, "worker-2")

        assert second is not None
        assert evolve(first.lease, fence=first.fence + 1) == second.lease
        async with storage.transaction() as uow:
            with pytest.raises(LeaseLostError):
                await uow.deployments.renew_lease(first.lease)
