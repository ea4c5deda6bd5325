"""Contract tests of projects and deploy keys."""

import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.users import Role
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import DuplicateError, NotFoundError, StaleEntityError
from pushpaka_core.ports.storage.deployments import DeploymentFilter
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_user, an_audit_entry
from pushpaka_core.testing.objects.deployments import (
    a_deployment,
    a_log_entry,
    a_release,
    a_target,
    a_timeline_event,
    an_instance,
)
from pushpaka_core.testing.objects.projects import (
    ENTITIES,
    a_deploy_key,
    a_project,
    an_environment,
)
from pushpaka_core.testing.objects.values import a_secret, later
from pushpaka_core.testing.stored_objects import parts_of, store, store_project


class ProjectsContract:
    """Contract tests of the `Projects` and `VisibleProjects` ports."""

    async def test_a_project_is_kept_with_every_field(self, storage: Storage) -> None:
        """A project with many settings is read back unchanged, with its encrypted Git token."""
        owner = a_user()
        project = a_project(
            owner,
            root_dir="apps/web",
            health_check=HealthCheck.NONE,
            rollback_window=0,
            cpu_limit=0.5,
            memory_limit=256,
            git_token=a_secret("t"),
            registry_credentials=a_secret("r"),
        )
        await store(storage, owner, project)

        async with storage.snapshot() as uow:
            assert project == await uow.projects.visible_to(PLATFORM).get(project.id)

    async def test_an_owner_sees_their_own_projects(self, storage: Storage) -> None:
        """Projects are listed newest first, except deleted projects and those of other owners."""
        ann, bob = a_user(), a_user()
        old, young = a_project(ann, created_at=later(1)), a_project(ann, created_at=later(2))
        gone = a_project(ann, deleted_at=later(3))
        await store(storage, ann, bob, young, old, gone, a_project(bob))

        async with storage.snapshot() as uow:
            assert [young, old] == list(await uow.projects.visible_to(Actor.from_user(ann)).all())

    async def test_objects_of_other_users_are_hidden(self, storage: Storage) -> None:
        """An administrator does not see projects of other users either."""
        project = await store_project(storage)
        stranger = a_user(role=Role.ADMIN)
        await store(storage, stranger)

        async with storage.snapshot() as uow:
            with pytest.raises(NotFoundError, match="project"):
                await uow.projects.visible_to(Actor.from_user(stranger)).get(project.id)

    async def test_only_the_platform_sees_deleted_projects(self, storage: Storage) -> None:
        """A project that is being deleted is hidden from its owner."""
        owner = a_user()
        project = a_project(owner, deleted_at=later(1))
        await store(storage, owner, project)

        async with storage.snapshot() as uow:
            assert project == await uow.projects.visible_to(PLATFORM).get(project.id)
            assert [project] == list(await uow.projects.visible_to(PLATFORM).all())
            assert [project] == list(await uow.projects.list_being_deleted())
            with pytest.raises(NotFoundError):
                await uow.projects.visible_to(Actor.from_user(owner)).get(project.id)

    async def test_project_name_is_unique_per_owner(self, storage: Storage) -> None:
        """Another owner may use the same name."""
        ann, bob = a_user(), a_user()
        await store(storage, ann, bob, a_project(ann, name="shop"), a_project(bob, name="shop"))

        with pytest.raises(DuplicateError, match="project name"):
            await store(storage, a_project(ann, name="shop"))

    async def test_a_deleted_project_frees_its_name_but_not_its_slug(
        self, storage: Storage
    ) -> None:
        """
        The name of a deleted project can be used again, but routes use its slug until its rows are
        deleted.
        """
        owner = a_user()
        gone = a_project(owner, name="shop", slug="shop", deleted_at=later(1))
        await store(storage, owner, gone, a_project(owner, name="shop", slug="shop-2"))

        with pytest.raises(DuplicateError, match="slug"):
            await store(storage, a_project(owner, slug="shop"))

    async def test_update_returns_the_stored_project(self, storage: Storage) -> None:
        """An update increments the version."""
        project = await store_project(storage)

        async with storage.transaction() as uow:
            kept = await uow.projects.update(evolve(project, branch="next", git_token=a_secret()))

        assert ("next", a_secret(), 2) == (kept.branch, kept.git_token, kept.version)
        async with storage.snapshot() as uow:
            assert kept == await uow.projects.visible_to(PLATFORM).get(project.id)

    async def test_an_older_project_does_not_overwrite_a_newer_one(self, storage: Storage) -> None:
        """Updating an outdated project raises StaleEntityError."""
        project = await store_project(storage)
        async with storage.transaction() as uow:
            await uow.projects.update(evolve(project, branch="first"))

        with pytest.raises(StaleEntityError):
            async with storage.transaction() as uow:
                await uow.projects.update(evolve(project, branch="second"))

    async def test_name_of_another_project_is_rejected(self, storage: Storage) -> None:
        """Changing to a name that is in use raises DuplicateError."""
        owner = a_user()
        one, other = a_project(owner), a_project(owner)
        await store(storage, owner, one, other)

        with pytest.raises(DuplicateError, match="project name"):
            async with storage.transaction() as uow:
                await uow.projects.update(evolve(one, name=other.name))

    async def test_an_update_keeps_the_next_sequence_number(self, storage: Storage) -> None:
        """Updating a project with an outdated sequence number does not reset it."""
        project = await store_project(storage)
        async with storage.transaction() as uow:
            await uow.projects.next_sequence(project)

        async with storage.transaction() as uow:
            kept = await uow.projects.update(evolve(project, branch="next"))
            following = await uow.projects.next_sequence(project)

        assert (2, 2) == (kept.next_sequence, following)

    async def test_an_unknown_project_has_no_next_sequence_number(self, storage: Storage) -> None:
        """`next_sequence` of an unknown project raises NotFoundError."""
        async with storage.transaction() as uow:
            with pytest.raises(NotFoundError, match="project"):
                await uow.projects.next_sequence(a_project(a_user()))

    async def test_project_numbers_are_never_reused(self, storage: Storage) -> None:
        """Numbers start at 1, and are not reused after a removal."""
        async with storage.transaction() as uow:
            first = await uow.projects.next_number()
        owner = a_user()
        project = a_project(owner, number=first)
        await store(storage, owner, project)
        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        async with storage.transaction() as uow:
            second = await uow.projects.next_number()

        assert (1, 2) == (first, second)

    async def test_taken_slugs_are_found_by_their_prefix(self, storage: Storage) -> None:
        """Slugs of deleted projects are included, and no character acts as a wildcard."""
        owner = a_user()
        slugs = ("shop", "shop-2", "my-shop", "shxp")
        projects = (a_project(owner, slug=slug) for slug in slugs)
        await store(storage, owner, *projects, a_project(owner, slug="shop-3", deleted_at=later(1)))

        async with storage.snapshot() as uow:
            assert {"shop", "shop-2", "shop-3"} == set(await uow.projects.taken_slugs("shop"))
            assert set() == set(await uow.projects.taken_slugs("sh_p"))

    async def test_removing_a_project_removes_its_rows(self, storage: Storage) -> None:
        """Everything except the audit log is deleted with the project."""
        project, other = await self._two_full_projects(storage)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.projects.remove(project)

        async with storage.snapshot() as uow:
            everything = DeploymentFilter()
            left = await uow.deployments.visible_to(PLATFORM).page(everything, limit=9, offset=0)
            deployment = left.items[0]
            assert [other] == list(await uow.projects.visible_to(PLATFORM).all())
            assert {other.id} == {d.project_id for d in left.items}
            assert {other.id} == {t.project_id for t in await uow.targets.all()}
            assert {other.id} == {r.project_id for r in await uow.releases.all()}
            assert {other.id} == {i.project_id for i in await uow.instances.all()}
            for entity_type in ENTITIES:
                entities = await uow.entities(entity_type).visible_to(PLATFORM).all()
                assert [other.id] == [entity.project_id for entity in entities]
            assert await uow.deploy_keys.find(project) is None
            assert await uow.deploy_keys.find(other)
            assert 1 == len(await uow.logs.lines(deployment, LogFilter()))
            assert 1 == len(await uow.timeline_events.of_deployment(deployment))
            assert 2 == (await uow.audit_entries.page(None, limit=9, offset=0)).total

    async def test_nothing_is_left_of_a_removed_project(self, storage: Storage) -> None:
        """The same objects can be stored again. A remaining row would be a duplicate."""
        project = await store_project(storage)
        parts = parts_of(project)
        await store(storage, *parts)

        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        await store(storage, project, *parts)

    async def _two_full_projects(self, storage: Storage) -> tuple[Project, Project]:
        owner = a_user()
        await store(storage, owner)
        projects = a_project(owner), a_project(owner)
        for project in projects:
            await self._keep_full(storage, project)
        return projects

    async def _keep_full(self, storage: Storage, project: Project) -> None:
        deployment = a_deployment(project)
        await store(
            storage,
            project,
            deployment,
            a_target(deployment),
            a_release(deployment),
            an_instance(deployment),
            an_environment(deployment),
            *parts_of(project),
            a_timeline_event(deployment),
            an_audit_entry(project.user_id, subject_id=project.id),
        )
        async with storage.transaction() as uow:
            await uow.logs.append(deployment.id, [a_log_entry()])


class DeployKeysContract:
    """Contract tests of the `DeployKeys` port."""

    async def test_a_project_has_one_deploy_key(self, storage: Storage) -> None:
        """A new key replaces the old one, and keys of other projects stay."""
        mine, other = await store_project(storage), await store_project(storage)
        new = a_deploy_key(mine, private_key=a_secret("new"), created_at=later(1))
        await store(storage, a_deploy_key(mine), a_deploy_key(other))

        await store(storage, new)

        async with storage.snapshot() as uow:
            assert new == await uow.deploy_keys.find(mine)
            assert a_deploy_key(other) == await uow.deploy_keys.find(other)

    async def test_projects_with_a_deploy_key_are_listed(self, storage: Storage) -> None:
        """Of the given projects, only those that have a deploy key are returned."""
        mine, other, without = [await store_project(storage) for _ in range(3)]
        await store(storage, a_deploy_key(mine), a_deploy_key(other))

        async with storage.snapshot() as uow:
            assert {mine.id} == set(await uow.deploy_keys.projects_with_key([mine, without]))

    async def test_a_removed_deploy_key_is_gone(self, storage: Storage) -> None:
        """Removing the deploy key again has no effect."""
        project = await store_project(storage)
        key = a_deploy_key(project)
        await store(storage, key)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.deploy_keys.remove(key)

        async with storage.snapshot() as uow:
            assert await uow.deploy_keys.find(project) is None
