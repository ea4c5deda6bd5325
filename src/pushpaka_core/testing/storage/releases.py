"""Contract tests of targets, releases and instances."""

import pytest
from attrs import evolve

from pushpaka_core.domain.ids import InstanceId, ReleaseId
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.errors import DuplicateError, NotFoundError, StaleEntityError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_release, a_target, an_instance
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import an_id, later
from pushpaka_core.testing.stored_objects import store, store_deployment, store_project


class TargetsContract:
    """Contract tests of the `Targets` port."""

    async def test_a_new_project_has_no_target(self, storage: Storage) -> None:
        """`find` returns None before a deployment has become active."""
        async with storage.snapshot() as uow:
            assert await uow.targets.find(a_project(a_user()), PRODUCTION) is None

    async def test_target_is_returned_as_stored(self, storage: Storage) -> None:
        """`put` returns the stored target."""
        project = await store_project(storage)
        deployment = a_deployment(project)
        target = a_target(deployment)
        await store(storage, deployment)

        async with storage.transaction() as uow:
            kept = await uow.targets.put(target)

        async with storage.snapshot() as uow:
            found = await uow.targets.find(project, target.name)
            assert found == await uow.targets.of_deployment(deployment)
        assert target == found == kept
        assert found.version == kept.version

    async def test_target_can_be_changed(self, storage: Storage) -> None:
        """A changed target replaces its earlier version."""
        project = await store_project(storage)
        old, new = a_deployment(project), a_deployment(project, has_web=False)
        await store(storage, old, new)
        async with storage.transaction() as uow:
            target = await uow.targets.put(a_target(old))

        async with storage.transaction() as uow:
            changed = evolve(
                target.point_to(new), stopped_at=later(1), takeover_id=new.id, held_until=later(2)
            )
            moved = await uow.targets.put(changed)

        async with storage.snapshot() as uow:
            assert [moved] == list(await uow.targets.all())
        assert (new.id, later(1)) == (moved.deployment_id, moved.stopped_at)
        assert (True, False) == (target.has_web, moved.has_web)

    async def test_an_older_target_does_not_overwrite_a_newer_one(self, storage: Storage) -> None:
        """
        Storing an outdated target, or a new one in place of an existing target, raises
        StaleEntityError.
        """
        deployment = await store_deployment(storage)
        async with storage.transaction() as uow:
            first = await uow.targets.put(a_target(deployment))
            await uow.targets.put(first)

        for older in (first, a_target(deployment)):
            with pytest.raises(StaleEntityError):
                async with storage.transaction() as uow:
                    await uow.targets.put(older)

    async def test_targets_of_some_projects_are_found(self, storage: Storage) -> None:
        """All targets of the given projects are returned. Without projects, the result is empty."""
        project, other = await store_project(storage), await store_deployment(storage)
        one = a_deployment(project)
        await store(storage, one)
        await store(storage, a_target(one), a_target(other), a_target(one, name="preview:next"))

        async with storage.snapshot() as uow:
            of_one = await uow.targets.of_projects([project])
            of_none = await uow.targets.of_projects([])

        assert ["preview:next", PRODUCTION] == sorted(target.name for target in of_one)
        assert [] == list(of_none)

    async def test_a_removed_target_is_gone(self, storage: Storage) -> None:
        """The deployment and other targets stay, and the target can be created again."""
        deployment = await store_deployment(storage)
        target, other = a_target(deployment), a_target(deployment, name="preview:next")
        await store(storage, target, other)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.targets.remove(target)

        async with storage.snapshot() as uow:
            assert [other] == list(await uow.targets.all())
        await store(storage, a_target(deployment))

    async def test_a_target_needs_its_deployment(self, storage: Storage) -> None:
        """Storing a target whose deployment does not exist raises NotFoundError."""
        deployment = a_deployment(await store_project(storage))

        with pytest.raises(NotFoundError):
            await store(storage, a_target(deployment))


class ReleasesContract:
    """Contract tests of the `Releases` port."""

    async def test_a_release_is_kept_with_its_plan(self, storage: Storage) -> None:
        """A release is read back with its whole build plan."""
        deployment = await store_deployment(storage)
        release = a_release(deployment)
        await store(storage, release)

        async with storage.snapshot() as uow:
            running = evolve(deployment, release_id=release.id)
            assert release == await uow.releases.of_deployment(running)

    async def test_a_deployment_may_have_no_release(self, storage: Storage) -> None:
        """
        `of_deployment` returns None if the deployment has no release, or if its release was
        removed.
        """
        deployment = await store_deployment(storage)
        await store(storage, a_release(deployment))

        async with storage.snapshot() as uow:
            assert await uow.releases.of_deployment(deployment) is None
            lost = evolve(deployment, release_id=ReleaseId(an_id()))
            assert await uow.releases.of_deployment(lost) is None

    async def test_releases_that_can_be_served_are_listed(self, storage: Storage) -> None:
        """
        Releases of one project or of all projects are listed newest first, without those whose
        artifact was removed.
        """
        project, other = await store_project(storage), await store_deployment(storage)
        one = a_deployment(project)
        await store(storage, one)
        old = a_release(one, created_at=later(1))
        young = a_release(one, created_at=later(3))
        foreign = a_release(other, created_at=later(2))
        await store(storage, old, young, foreign, a_release(one, removed_at=later(4)))

        async with storage.snapshot() as uow:
            assert [young, old] == list(await uow.releases.of_projects([project]))
            assert [young, foreign, old] == list(await uow.releases.all())

    async def test_update_returns_the_stored_release(self, storage: Storage) -> None:
        """An update increments the version. Updating an outdated release is rejected."""
        deployment = await store_deployment(storage)
        release = a_release(deployment)
        await store(storage, release)

        async with storage.transaction() as uow:
            kept = await uow.releases.update(evolve(release, removed_at=later(1)))

        assert (later(1), 2) == (kept.removed_at, kept.version)
        async with storage.transaction() as uow:
            running = evolve(deployment, release_id=release.id)
            assert kept == await uow.releases.of_deployment(running)
            with pytest.raises(StaleEntityError):
                await uow.releases.update(release)


class InstancesContract:
    """Contract tests of the `Instances` port."""

    async def test_instances_are_sorted_oldest_first(self, storage: Storage) -> None:
        """Instances are listed in the order of insertion, even after a change."""
        deployment, other = await store_deployment(storage), await store_deployment(storage)
        first, second = an_instance(deployment), an_instance(deployment)
        foreign = an_instance(other)
        await store(storage, second, foreign, first)
        async with storage.transaction() as uow:
            crashed = await uow.instances.update(second.crash("exited", now=later(9)))

        async with storage.snapshot() as uow:
            assert [crashed, foreign, first] == list(await uow.instances.all())
            of_one = await uow.instances.of_deployments([deployment])
            of_none = await uow.instances.of_deployments([])
            of_lease = await uow.instances.of_lease(deployment.lease)

        assert ([crashed, first], []) == (list(of_one), list(of_none))
        assert [crashed, first] == list(of_lease)

    async def test_port_is_unique_per_node(self, storage: Storage) -> None:
        """Ports of different nodes are independent, and several instances may have none."""
        deployment = await store_deployment(storage)
        await store(storage, an_instance(deployment), an_instance(deployment))
        await store(storage, an_instance(deployment, port=9000))
        await store(storage, an_instance(deployment, port=9000, node="node-2"))

        with pytest.raises(DuplicateError, match="port"):
            await store(storage, an_instance(deployment, port=9000))

    async def test_port_of_another_instance_is_rejected(self, storage: Storage) -> None:
        """Changing to a port that is in use raises DuplicateError."""
        deployment = await store_deployment(storage)
        one, other = an_instance(deployment, port=9000), an_instance(deployment)
        await store(storage, one, other)

        with pytest.raises(DuplicateError, match="port"):
            async with storage.transaction() as uow:
                await uow.instances.update(evolve(other, port=9000))

    async def test_a_removed_instance_frees_its_port(self, storage: Storage) -> None:
        """Removing an instance again has no effect."""
        deployment = await store_deployment(storage)
        instance = an_instance(deployment, port=9000)
        await store(storage, instance)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.instances.remove(instance)

        await store(storage, an_instance(deployment, port=9000))

    async def test_an_older_instance_does_not_overwrite_a_newer_one(self, storage: Storage) -> None:
        """Updating an outdated instance raises StaleEntityError."""
        instance = an_instance(await store_deployment(storage))
        await store(storage, instance)
        async with storage.transaction() as uow:
            kept = await uow.instances.update(instance.go_live())

        assert instance.version + 1 == kept.version
        with pytest.raises(StaleEntityError):
            async with storage.transaction() as uow:
                await uow.instances.update(instance.crash("exited", now=later(1)))

    async def test_update_keeps_the_output_position(self, storage: Storage) -> None:
        """Recording a position causes no conflict, and an update keeps it."""
        instance = an_instance(await store_deployment(storage))
        await store(storage, instance)
        async with storage.transaction() as uow:
            await uow.instances.store_output_position(instance.id, "120")

        async with storage.transaction() as uow:
            kept = await uow.instances.update(instance.go_live())

        assert "120" == kept.output_position

    async def test_successor_inherits_the_port(self, storage: Storage) -> None:
        """One transaction can replace a crashed instance with a successor on the same port."""
        instance = an_instance(await store_deployment(storage), port=9000)
        await store(storage, instance)
        successor = instance.successor(InstanceId(an_id()), port=9000, now=later(1))

        async with storage.transaction() as uow:
            await uow.instances.remove(instance)
            await uow.instances.add(successor)

        async with storage.snapshot() as uow:
            assert [successor] == list(await uow.instances.all())

    async def test_the_position_of_a_removed_instance_is_ignored(self, storage: Storage) -> None:
        """
        Recording the position causes no error, because the last output may be read after the
        removal.
        """
        instance = an_instance(await store_deployment(storage))

        async with storage.transaction() as uow:
            await uow.instances.store_output_position(instance.id, "120")

            assert [] == list(await uow.instances.all())
