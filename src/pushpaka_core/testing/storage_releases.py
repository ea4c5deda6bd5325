"""What every storage must do with targets, releases and instances, as tests."""

import pytest
from attrs import evolve

from pushpaka_core.domain.deployments import PRODUCTION, ReleaseId
from pushpaka_core.domain.instances import InstanceId
from pushpaka_core.errors import DuplicateError, NotFoundError, StaleEntityError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.keeping import keep, keep_deployment, keep_project
from pushpaka_core.testing.objects import (
    a_deployment,
    a_project,
    a_release,
    a_target,
    a_user,
    an_id,
    an_instance,
    later,
)


class TargetsContract:
    """The promises of the port `Targets`."""

    async def test_where_nothing_was_served_there_is_no_target(self, storage: Storage) -> None:
        """To look for a target is no error."""
        async with storage.snapshot() as uow:
            assert await uow.targets.find(a_project(a_user()), PRODUCTION) is None

    async def test_a_target_is_found_as_it_was_kept(self, storage: Storage) -> None:
        """What put returns is what the next one reads."""
        project = await keep_project(storage)
        deployment = a_deployment(project)
        target = a_target(deployment)
        await keep(storage, deployment)

        async with storage.transaction() as uow:
            kept = await uow.targets.put(target)

        async with storage.snapshot() as uow:
            found = await uow.targets.find(project, target.name)
            assert found == await uow.targets.of_deployment(deployment)
        assert target == found == kept
        assert found.version == kept.version

    async def test_a_target_points_elsewhere(self, storage: Storage) -> None:
        """A changed target replaces the one that it was made from."""
        project = await keep_project(storage)
        old, new = a_deployment(project), a_deployment(project)
        await keep(storage, old, new)
        async with storage.transaction() as uow:
            target = await uow.targets.put(a_target(old))

        async with storage.transaction() as uow:
            moved = await uow.targets.put(evolve(target.point_to(new), stopped_at=later(1)))

        async with storage.snapshot() as uow:
            assert [moved] == list(await uow.targets.all())
        assert (new.id, later(1)) == (moved.deployment_id, moved.stopped_at)

    async def test_an_older_target_does_not_overwrite_a_newer_one(self, storage: Storage) -> None:
        """Who read before somebody else wrote gets StaleEntityError, and so does a second first."""
        deployment = await keep_deployment(storage)
        async with storage.transaction() as uow:
            first = await uow.targets.put(a_target(deployment))
            await uow.targets.put(first)

        for older in (first, a_target(deployment)):
            with pytest.raises(StaleEntityError):
                async with storage.transaction() as uow:
                    await uow.targets.put(older)

    async def test_targets_of_some_projects_are_found(self, storage: Storage) -> None:
        """Those of others are left out, and no project has no target."""
        project, other = await keep_project(storage), await keep_deployment(storage)
        one = a_deployment(project)
        await keep(storage, one)
        await keep(storage, a_target(one), a_target(other), a_target(one, name="preview:next"))

        async with storage.snapshot() as uow:
            of_one = await uow.targets.of_projects([project])
            of_none = await uow.targets.of_projects([])

        assert ["preview:next", PRODUCTION] == sorted(target.name for target in of_one)
        assert [] == list(of_none)

    async def test_a_removed_target_is_gone(self, storage: Storage) -> None:
        """Its deployment and the other targets stay, and it may begin anew."""
        deployment = await keep_deployment(storage)
        target, other = a_target(deployment), a_target(deployment, name="preview:next")
        await keep(storage, target, other)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.targets.remove(target)

        async with storage.snapshot() as uow:
            assert [other] == list(await uow.targets.all())
        await keep(storage, a_target(deployment))

    async def test_a_target_needs_its_deployment(self, storage: Storage) -> None:
        """Nothing points at what was removed meanwhile."""
        deployment = a_deployment(await keep_project(storage))

        with pytest.raises(NotFoundError):
            await keep(storage, a_target(deployment))


class ReleasesContract:
    """The promises of the port `Releases`."""

    async def test_a_release_is_kept_with_its_plan(self, storage: Storage) -> None:
        """The whole plan comes back as it was."""
        deployment = await keep_deployment(storage)
        release = a_release(deployment)
        await keep(storage, release)

        async with storage.snapshot() as uow:
            running = evolve(deployment, release_id=release.id)
            assert release == await uow.releases.of_deployment(running)

    async def test_what_has_nothing_to_run_has_no_release(self, storage: Storage) -> None:
        """To look for the release of what was never built is no error, nor for one that is gone."""
        deployment = await keep_deployment(storage)
        await keep(storage, a_release(deployment))

        async with storage.snapshot() as uow:
            assert await uow.releases.of_deployment(deployment) is None
            lost = evolve(deployment, release_id=ReleaseId(an_id()))
            assert await uow.releases.of_deployment(lost) is None

    async def test_releases_that_can_be_served_are_listed(self, storage: Storage) -> None:
        """The newest first, for one project or all, without those whose artifact is removed."""
        project, other = await keep_project(storage), await keep_deployment(storage)
        one = a_deployment(project)
        await keep(storage, one)
        old = a_release(one, created_at=later(1))
        young = a_release(one, created_at=later(3))
        foreign = a_release(other, created_at=later(2))
        await keep(storage, old, young, foreign, a_release(one, removed_at=later(4)))

        async with storage.snapshot() as uow:
            assert [young, old] == list(await uow.releases.of_projects([project]))
            assert [young, foreign, old] == list(await uow.releases.all())

    async def test_a_changed_release_is_returned_as_kept(self, storage: Storage) -> None:
        """A removed artifact is noted once; who read before is told."""
        deployment = await keep_deployment(storage)
        release = a_release(deployment)
        await keep(storage, release)

        async with storage.transaction() as uow:
            kept = await uow.releases.update(evolve(release, removed_at=later(1)))

        assert (later(1), 2) == (kept.removed_at, kept.version)
        async with storage.transaction() as uow:
            running = evolve(deployment, release_id=release.id)
            assert kept == await uow.releases.of_deployment(running)
            with pytest.raises(StaleEntityError):
                await uow.releases.update(release)

    async def test_a_release_needs_its_deployment(self, storage: Storage) -> None:
        """What a removed deployment built is refused."""
        with pytest.raises(NotFoundError):
            await keep(storage, a_release(a_deployment(a_project(a_user()))))


class InstancesContract:
    """The promises of the port `Instances`."""

    async def test_instances_come_the_oldest_first(self, storage: Storage) -> None:
        """The order is that of their making, also after a change."""
        deployment, other = await keep_deployment(storage), await keep_deployment(storage)
        first, second = an_instance(deployment), an_instance(deployment)
        foreign = an_instance(other)
        await keep(storage, second, foreign, first)
        async with storage.transaction() as uow:
            crashed = await uow.instances.update(second.crash("exited", at=later(9)))

        async with storage.snapshot() as uow:
            assert [crashed, foreign, first] == list(await uow.instances.all())
            of_one = await uow.instances.of_deployments([deployment])
            of_none = await uow.instances.of_deployments([])
            of_lease = await uow.instances.of_lease(deployment.lease)

        assert ([crashed, first], []) == (list(of_one), list(of_none))
        assert [crashed, first] == list(of_lease)

    async def test_a_port_is_taken_once_on_a_node(self, storage: Storage) -> None:
        """Another node has ports of its own, and no port is no port."""
        deployment = await keep_deployment(storage)
        await keep(storage, an_instance(deployment), an_instance(deployment))
        await keep(storage, an_instance(deployment, port=9000))
        await keep(storage, an_instance(deployment, port=9000, node="node-2"))

        with pytest.raises(DuplicateError, match="port"):
            await keep(storage, an_instance(deployment, port=9000))

    async def test_an_instance_cannot_take_a_port(self, storage: Storage) -> None:
        """A change of port is judged like a new one."""
        deployment = await keep_deployment(storage)
        one, other = an_instance(deployment, port=9000), an_instance(deployment)
        await keep(storage, one, other)

        with pytest.raises(DuplicateError, match="port"):
            async with storage.transaction() as uow:
                await uow.instances.update(evolve(other, port=9000))

    async def test_a_removed_instance_frees_its_port(self, storage: Storage) -> None:
        """To remove it again is harmless."""
        deployment = await keep_deployment(storage)
        instance = an_instance(deployment, port=9000)
        await keep(storage, instance)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.instances.remove(instance)

        await keep(storage, an_instance(deployment, port=9000))

    async def test_an_older_instance_does_not_overwrite_a_newer_one(self, storage: Storage) -> None:
        """Who read before somebody else wrote gets StaleEntityError."""
        instance = an_instance(await keep_deployment(storage))
        await keep(storage, instance)
        async with storage.transaction() as uow:
            kept = await uow.instances.update(instance.go_live())

        assert instance.version + 1 == kept.version
        with pytest.raises(StaleEntityError):
            async with storage.transaction() as uow:
                await uow.instances.update(instance.crash("exited", at=later(1)))

    async def test_a_position_is_noted_beside_updates(self, storage: Storage) -> None:
        """Reading output makes no update stale, and an update takes no position back."""
        instance = an_instance(await keep_deployment(storage))
        await keep(storage, instance)
        async with storage.transaction() as uow:
            await uow.instances.mark_read(instance.id, "120")

        async with storage.transaction() as uow:
            kept = await uow.instances.update(instance.go_live())

        assert "120" == kept.output_position

    async def test_a_successor_takes_the_port(self, storage: Storage) -> None:
        """A crashed instance and the one in its place change in one transaction."""
        instance = an_instance(await keep_deployment(storage), port=9000)
        await keep(storage, instance)
        successor = instance.successor(InstanceId(an_id()), port=9000, at=later(1))

        async with storage.transaction() as uow:
            await uow.instances.remove(instance)
            await uow.instances.add(successor)

        async with storage.snapshot() as uow:
            assert [successor] == list(await uow.instances.all())

    async def test_the_position_of_a_removed_instance_is_nothing(self, storage: Storage) -> None:
        """The last output may be read after the row is gone."""
        instance = an_instance(await keep_deployment(storage))

        async with storage.transaction() as uow:
            await uow.instances.mark_read(instance.id, "120")

            assert [] == list(await uow.instances.all())

    async def test_an_instance_needs_its_deployment(self, storage: Storage) -> None:
        """Nothing is started for what was removed meanwhile."""
        with pytest.raises(NotFoundError):
            await keep(storage, an_instance(a_deployment(a_project(a_user()))))
