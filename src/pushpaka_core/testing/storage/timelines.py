"""Contract tests of timelines."""

import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import (
    a_deployment,
    a_running_deployment,
    a_timeline_event,
)
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import an_id, later
from pushpaka_core.testing.stored_objects import store, store_deployment, store_project


class TimelineContract:
    """Contract tests of the `TimelineEvents` port."""

    async def test_steps_keep_the_order_in_which_they_were_added(self, storage: Storage) -> None:
        """
        Events are listed in the order of insertion, whatever their times, and without those of
        other deployments.
        """
        deployment, other = await store_deployment(storage), await store_deployment(storage)
        asked, started = a_timeline_event(deployment), a_timeline_event(deployment, user_id=None)
        earlier = evolve(asked, id=a_timeline_event(deployment).id, created_at=later(-1))
        await store(storage, started, a_timeline_event(other), asked, earlier)

        async with storage.snapshot() as uow:
            steps = list(await uow.timeline_events.of_deployment(deployment))

        assert [started, asked, earlier] == steps

    async def test_old_final_deployments_are_found(self, storage: Storage) -> None:
        """Deployments that are not final, or that ended recently, are not returned."""
        old, lively, ended_of_late = [await store_deployment(storage) for _ in range(3)]
        await store(storage, *map(a_timeline_event, (old, lively, ended_of_late)))
        await store(storage, a_timeline_event(ended_of_late, created_at=later(60)))
        async with storage.transaction() as uow:
            for deployment in (old, ended_of_late):
                await uow.deployments.update(deployment.cancel(now=later(1)))

        async with storage.snapshot() as uow:
            bygone = list(await uow.timeline_events.list_expired(later(60), limit=5))
            later_on = list(await uow.timeline_events.list_expired(later(61), limit=5))
            few = list(await uow.timeline_events.list_expired(later(61), limit=1))

        assert [old.id] == bygone
        assert ({old.id, ended_of_late.id}, 1) == (set(later_on), len(few))

    async def test_removed_steps_are_gone(self, storage: Storage) -> None:
        """Removing events again has no effect, and events of other deployments stay."""
        deployment, other = await store_deployment(storage), await store_deployment(storage)
        kept = a_timeline_event(other)
        await store(storage, a_timeline_event(deployment), kept)
        async with storage.transaction() as uow:
            await uow.deployments.update(deployment.cancel(now=later(1)))

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.timeline_events.remove(deployment.id)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.timeline_events.of_deployment(deployment))
            assert [kept] == list(await uow.timeline_events.of_deployment(other))
            assert [] == list(await uow.timeline_events.list_expired(later(60), limit=5))

    async def test_the_newest_steps_can_be_kept(self, storage: Storage) -> None:
        """Only running deployments have too many events, and `remove` can keep the newest ones."""
        project = await store_project(storage)
        running, brief = a_running_deployment(project), a_running_deployment(project)
        waiting = a_deployment(project)
        await store(storage, running, brief, waiting)
        steps = [a_timeline_event(running) for _ in range(4)]
        await store(storage, *steps, *(a_timeline_event(waiting) for _ in range(4)))
        await store(storage, *(a_timeline_event(brief) for _ in range(3)))

        async with storage.transaction() as uow:
            overlong = list(await uow.timeline_events.list_with_too_many_events(3))
            for deployment_id in (running.id, brief.id):
                await uow.timeline_events.remove(deployment_id, keep_newest=3)

        assert [running.id] == overlong
        async with storage.snapshot() as uow:
            assert steps[1:] == list(await uow.timeline_events.of_deployment(running))
            assert 3 == len(await uow.timeline_events.of_deployment(brief))
            assert 4 == len(await uow.timeline_events.of_deployment(waiting))
            assert [] == list(await uow.timeline_events.list_with_too_many_events(3))

    async def test_a_deployment_without_steps_has_an_empty_timeline(self, storage: Storage) -> None:
        """The same holds for a deployment that does not exist: events are read without a check."""
        async with storage.snapshot() as uow:
            assert [] == list(
                await uow.timeline_events.of_deployment(a_deployment(a_project(a_user())))
            )
            with pytest.raises(NotFoundError):
                await uow.deployments.visible_to(PLATFORM).get(DeploymentId(an_id()))
