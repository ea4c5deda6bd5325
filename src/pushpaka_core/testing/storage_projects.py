"""What every storage must do with projects, as tests."""

import pytest
from attrs import evolve

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.logs import LogFilter
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.users import Role
from pushpaka_core.errors import DuplicateError, NotFoundError, StaleEntityError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.storage_deployments import DeploymentFilter
from pushpaka_core.testing.keeping import keep, keep_project
from pushpaka_core.testing.objects import (
    a_channel,
    a_custom_domain,
    a_deploy_key,
    a_deployment,
    a_project,
    a_release,
    a_secret,
    a_target,
    a_timeline_event,
    a_user,
    a_webhook,
    an_audit_entry,
    an_entry,
    an_env_var,
    an_environment,
    an_instance,
    later,
)


class ProjectsContract:
    """The promises of the ports `Projects` and `VisibleProjects`."""

    async def test_a_project_is_kept_with_every_field(self, storage: Storage) -> None:
        """What was set comes back, its secret included."""
        owner = a_user()
        project = a_project(
            owner, root_dir="apps/web", cpu_limit=0.5, memory_limit=256, git_token=a_secret("t")
        )
        await keep(storage, owner, project)

        async with storage.snapshot() as uow:
            assert project == await uow.projects.visible_to(PLATFORM).get(project.id)

    async def test_an_owner_sees_their_own_projects(self, storage: Storage) -> None:
        """They are listed the newest first, without those of others and deleted ones."""
        ann, bob = a_user(), a_user()
        old, young = a_project(ann, created_at=later(1)), a_project(ann, created_at=later(2))
        gone = a_project(ann, deleted_at=later(3))
        await keep(storage, ann, bob, young, old, gone, a_project(bob))

        async with storage.snapshot() as uow:
            assert [young, old] == list(await uow.projects.visible_to(Actor.of(ann)).all())

    async def test_what_belongs_to_others_does_not_exist(self, storage: Storage) -> None:
        """A foreign project is not found, and an administrator is a user here."""
        project = await keep_project(storage)
        stranger = a_user(role=Role.ADMIN)
        await keep(storage, stranger)

        async with storage.snapshot() as uow:
            with pytest.raises(NotFoundError, match="project"):
                await uow.projects.visible_to(Actor.of(stranger)).get(project.id)

    async def test_only_the_platform_sees_deleted_projects(self, storage: Storage) -> None:
        """A project that is being deleted is gone for its owner."""
        owner = a_user()
        project = a_project(owner, deleted_at=later(1))
        await keep(storage, owner, project)

        async with storage.snapshot() as uow:
            assert project == await uow.projects.visible_to(PLATFORM).get(project.id)
            assert [project] == list(await uow.projects.visible_to(PLATFORM).all())
            assert [project] == list(await uow.projects.deleted())
            with pytest.raises(NotFoundError):
                await uow.projects.visible_to(Actor.of(owner)).get(project.id)

    async def test_a_name_is_taken_once_by_an_owner(self, storage: Storage) -> None:
        """Another owner may use the same name."""
        ann, bob = a_user(), a_user()
        await keep(storage, ann, bob, a_project(ann, name="shop"), a_project(bob, name="shop"))

        with pytest.raises(DuplicateError, match="project name"):
            await keep(storage, a_project(ann, name="shop"))

    async def test_a_deleted_project_frees_its_name_and_not_its_slug(
        self, storage: Storage
    ) -> None:
        """The slug stays taken until the rows are gone, since routes are made from it."""
        owner = a_user()
        gone = a_project(owner, name="shop", slug="shop", deleted_at=later(1))
        await keep(storage, owner, gone, a_project(owner, name="shop", slug="shop-2"))

        with pytest.raises(DuplicateError, match="slug"):
            await keep(storage, a_project(owner, slug="shop"))

    async def test_a_changed_project_is_returned_as_kept(self, storage: Storage) -> None:
        """An update counts the version up."""
        project = await keep_project(storage)

        async with storage.transaction() as uow:
            kept = await uow.projects.update(evolve(project, branch="next", git_token=a_secret()))

        assert ("next", a_secret(), 2) == (kept.branch, kept.git_token, kept.version)
        async with storage.snapshot() as uow:
            assert kept == await uow.projects.visible_to(PLATFORM).get(project.id)

    async def test_an_older_project_does_not_overwrite_a_newer_one(self, storage: Storage) -> None:
        """Who read before somebody else wrote gets StaleEntityError."""
        project = await keep_project(storage)
        async with storage.transaction() as uow:
            await uow.projects.update(evolve(project, branch="first"))

        with pytest.raises(StaleEntityError):
            async with storage.transaction() as uow:
                await uow.projects.update(evolve(project, branch="second"))

    async def test_a_project_cannot_take_a_name(self, storage: Storage) -> None:
        """A change of name is judged like a new one."""
        owner = a_user()
        one, other = a_project(owner), a_project(owner)
        await keep(storage, owner, one, other)

        with pytest.raises(DuplicateError, match="project name"):
            async with storage.transaction() as uow:
                await uow.projects.update(evolve(one, name=other.name))

    async def test_an_update_leaves_the_order_of_deployments(self, storage: Storage) -> None:
        """A setting can be changed while deployments are asked for."""
        project = await keep_project(storage)
        async with storage.transaction() as uow:
            await uow.projects.next_sequence(project)

        async with storage.transaction() as uow:
            kept = await uow.projects.update(evolve(project, branch="next"))
            following = await uow.projects.next_sequence(project)

        assert (2, 2) == (kept.next_sequence, following)

    async def test_the_order_of_an_unknown_project_is_not_found(self, storage: Storage) -> None:
        """There is no sequence without a project."""
        async with storage.transaction() as uow:
            with pytest.raises(NotFoundError, match="project"):
                await uow.projects.next_sequence(a_project(a_user()))

    async def test_numbers_are_never_given_twice(self, storage: Storage) -> None:
        """They count from 1, also after a removal."""
        async with storage.transaction() as uow:
            first = await uow.projects.next_number()
        owner = a_user()
        project = a_project(owner, number=first)
        await keep(storage, owner, project)
        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        async with storage.transaction() as uow:
            second = await uow.projects.next_number()

        assert (1, 2) == (first, second)

    async def test_taken_slugs_are_found_by_their_beginning(self, storage: Storage) -> None:
        """Those of projects being deleted count, and no letter has a meaning of its own."""
        owner = a_user()
        slugs = ("shop", "shop-2", "my-shop", "shxp")
        projects = (a_project(owner, slug=slug) for slug in slugs)
        await keep(storage, owner, *projects, a_project(owner, slug="shop-3", deleted_at=later(1)))

        async with storage.snapshot() as uow:
            assert {"shop", "shop-2", "shop-3"} == set(await uow.projects.taken_slugs("shop"))
            assert set() == set(await uow.projects.taken_slugs("sh_p"))

    async def test_a_project_needs_its_owner(self, storage: Storage) -> None:
        """A project of nobody is refused."""
        with pytest.raises(NotFoundError):
            await keep(storage, a_project(a_user()))

    async def test_a_removed_project_takes_everything_along(self, storage: Storage) -> None:
        """Of all that belonged to it only the audit trail stays."""
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
            channels = await uow.channels.visible_to(PLATFORM).all()
            assert [other.id] == [channel.project_id for channel in channels]
            assert await uow.deploy_keys.find(project) is None
            assert await uow.deploy_keys.find(other)
            webhooks = await uow.webhooks.visible_to(PLATFORM).all()
            assert [other.id] == [webhook.project_id for webhook in webhooks]
            assert 1 == len(await uow.logs.lines(deployment, LogFilter()))
            assert 1 == len(await uow.timeline.of_deployment(deployment))
            assert 2 == (await uow.audit.page(None, limit=9, offset=0)).total

    async def _two_full_projects(self, storage: Storage) -> tuple[Project, Project]:
        owner = a_user()
        await keep(storage, owner)
        projects = a_project(owner), a_project(owner)
        for project in projects:
            await self._keep_full(storage, project)
        return projects

    async def _keep_full(self, storage: Storage, project: Project) -> None:
        deployment = a_deployment(project)
        await keep(
            storage,
            project,
            deployment,
            a_target(deployment),
            a_release(deployment),
            an_instance(deployment),
            an_env_var(project),
            an_environment(deployment),
            a_deploy_key(project),
            a_channel(project),
            a_custom_domain(project),
            a_webhook(project),
            a_timeline_event(deployment),
            an_audit_entry(project.user_id, subject_id=project.id),
        )
        async with storage.transaction() as uow:
            await uow.logs.append(deployment.id, [an_entry()])
