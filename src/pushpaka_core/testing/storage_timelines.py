"""What every storage must do with timelines, as tests."""

import pytest
from attrs import evolve

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep, keep_deployment, keep_project
from pushpaka_core.testing.objects import (
    a_deployment,
    a_project,
    a_running_deployment,
    a_timeline_event,
    a_user,
    an_id,
    later,
)


class TimelineContract:
    """The promises of the port `Timeline`."""

    async def test_steps_come_in_the_order_in_which_they_were_added(self, storage: Storage) -> None:
        """Also within one moment, and without those of others."""
        deployment, other = await keep_deployment(storage), await keep_deployment(storage)
        asked, started = a_timeline_event(deployment), a_timeline_event(deployment, user_id=None)
        earlier = evolve(asked, id=a_timeline_event(deployment).id, created_at=later(-1))
        await keep(storage, started, a_timeline_event(other), asked, earlier)

        async with storage.snapshot() as uow:
            steps = list(await uow.timeline.of_deployment(deployment))

        assert [started, asked, earlier] == steps

    async def test_a_step_needs_its_deployment(self, storage: Storage) -> None:
        """A step of a deployment that was removed meanwhile is refused."""
        deployment = a_deployment(a_project(a_user()))

        with pytest.raises(NotFoundError):
            await keep(storage, a_timeline_event(deployment))

    async def test_what_is_over_for_long_is_bygone(self, storage: Storage) -> None:
        """Neither what goes on, nor what ended of late, however old it is."""
        old, lively, ended_of_late = [await keep_deployment(storage) for _ in range(3)]
        await keep(storage, *map(a_timeline_event, (old, lively, ended_of_late)))
        await keep(storage, a_timeline_event(ended_of_late, created_at=later(60)))
        async with storage.transaction() as uow:
            for deployment in (old, ended_of_late):
                await uow.deployments.update(deployment.cancel(at=later(1)))

        async with storage.snapshot() as uow:
            bygone = list(await uow.timeline.bygone(later(60), limit=5))
            later_on = list(await uow.timeline.bygone(later(61), limit=5))
            few = list(await uow.timeline.bygone(later(61), limit=1))

        assert [old.id] == bygone
        assert ({old.id, ended_of_late.id}, 1) == (set(later_on), len(few))

    async def test_removed_steps_are_gone(self, storage: Storage) -> None:
        """It may be done twice, the steps of others stay, and nothing is bygone any more."""
        deployment, other = await keep_deployment(storage), await keep_deployment(storage)
        kept = a_timeline_event(other)
        await keep(storage, a_timeline_event(deployment), kept)
        async with storage.transaction() as uow:
            await uow.deployments.update(deployment.cancel(at=later(1)))

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.timeline.remove(deployment.id)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.timeline.of_deployment(deployment))
            assert [kept] == list(await uow.timeline.of_deployment(other))
            assert [] == list(await uow.timeline.bygone(later(60), limit=5))

    async def test_the_newest_steps_can_be_kept(self, storage: Storage) -> None:
        """Of what serves and has more than that; the steps of others stay."""
        project = await keep_project(storage)
        running, brief = a_running_deployment(project), a_running_deployment(project)
        waiting = a_deployment(project)
        await keep(storage, running, brief, waiting)
        steps = [a_timeline_event(running) for _ in range(4)]
        await keep(storage, *steps, *(a_timeline_event(waiting) for _ in range(4)))
        await keep(storage, *(a_timeline_event(brief) for _ in range(3)))

        async with storage.transaction() as uow:
            overlong = list(await uow.timeline.overlong(3))
            for deployment_id in (running.id, brief.id):
                await uow.timeline.remove(deployment_id, but_newest=3)

        assert [running.id] == overlong
        async with storage.snapshot() as uow:
            assert steps[1:] == list(await uow.timeline.of_deployment(running))
            assert 3 == len(await uow.timeline.of_deployment(brief))
            assert 4 == len(await uow.timeline.of_deployment(waiting))
            assert [] == list(await uow.timeline.overlong(3))

    async def test_a_deployment_without_steps_has_none(self, storage: Storage) -> None:
        """An unknown deployment looks the same: who may see it is asked elsewhere."""
        async with storage.snapshot() as uow:
            assert [] == list(await uow.timeline.of_deployment(a_deployment(a_project(a_user()))))
            with pytest.raises(NotFoundError):
                await uow.deployments.visible_to(PLATFORM).get(DeploymentId(an_id()))
