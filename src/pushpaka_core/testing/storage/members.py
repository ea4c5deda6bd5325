"""Contract tests of members and invitations."""

import pytest
from attrs import evolve

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.integrations.notifications import CHANNELS
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.deployments import DeploymentFilter
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.accounts import a_member, a_user, an_invitation
from pushpaka_core.testing.objects.deployments import a_deployment
from pushpaka_core.testing.objects.integrations import a_channel, a_webhook
from pushpaka_core.testing.objects.projects import a_custom_domain, a_project, an_env_var
from pushpaka_core.testing.objects.values import NOON, later
from pushpaka_core.testing.stored_objects import StorableObject, store, store_project


class MembersContract:
    """Contract tests of the `Members` and `VisibleMembers` ports."""

    async def test_a_member_has_a_role(self, storage: Storage) -> None:
        """
        The owner and the platform have the role of an owner. For other users, the project does not
        exist.
        """
        owner, member, viewer, stranger = a_user(), a_user(), a_user(), a_user()
        project = a_project(owner)
        viewing = a_member(project, viewer, role=ProjectRole.VIEWER)
        people = [owner, member, viewer, stranger]
        await store(storage, *people, project, a_member(project, member), viewing)

        async with storage.snapshot() as uow:
            actors = [*map(Actor.from_user, people[:3]), PLATFORM]
            roles = [await uow.members.visible_to(a).own_role(project.id) for a in actors]
            with pytest.raises(NotFoundError, match="project"):
                await uow.members.visible_to(Actor.from_user(stranger)).own_role(project.id)

        assert roles == ["owner", "member", "viewer", "owner"]

    async def test_roles_in_many_projects_are_read_at_once(self, storage: Storage) -> None:
        """Only projects that are visible to the actor are returned."""
        ann, bob = a_user(), a_user()
        own, joined, foreign = a_project(ann), a_project(bob), a_project(bob)
        gone = a_project(ann, deleted_at=later(1))
        await store(storage, ann, bob, own, joined, foreign, gone, a_member(joined, ann))
        asked = [project.id for project in (own, joined, foreign, gone)]

        async with storage.snapshot() as uow:
            roles = await uow.members.visible_to(Actor.from_user(ann)).own_roles(asked)

        assert roles == {own.id: "owner", joined.id: "member"}

    async def test_a_team_is_listed(self, storage: Storage) -> None:
        """Members are ordered by the time of joining. The accounts include that of the owner."""
        owner, first, second, other = a_user(), a_user(), a_user(), a_user()
        project, foreign = a_project(owner), a_project(other)
        late = a_member(project, first, created_at=later(1))
        early = a_member(project, second)
        await store(storage, owner, first, second, other, project, foreign, late, early)
        await store(storage, a_member(foreign, first))

        async with storage.snapshot() as uow:
            assert [early, late] == list(await uow.members.of_project(project))
            assert [owner, first, second] == list(await uow.users.of_team(project))

    async def test_a_member_sees_the_objects_of_the_project(self, storage: Storage) -> None:
        """
        A member sees everything in the project, in addition to their own projects, until the
        membership is removed.
        """
        owner, user = a_user(), a_user()
        project, own = a_project(owner), a_project(user, created_at=later(1))
        deployment, env_var = a_deployment(project), an_env_var(project)
        parts: list[StorableObject] = [
            a_webhook(project),
            a_channel(project),
            a_custom_domain(project),
        ]
        member = a_member(project, user)
        await store(storage, owner, user, project, own, deployment, env_var, *parts, member)
        actor = Actor.from_user(user)

        async with storage.snapshot() as uow:
            assert [own, project] == list(await uow.projects.visible_to(actor).all())
            assert project == await uow.projects.visible_to(actor).get(project.id)
            assert deployment == await uow.deployments.visible_to(actor).get(deployment.id)
            assert [env_var] == list(await uow.env_vars.visible_to(actor).of_project(project.id))
            seen = [
                *await uow.webhooks.visible_to(actor).all(),
                *await uow.entities(CHANNELS).visible_to(actor).all(),
                *await uow.custom_domains.visible_to(actor).all(),
            ]
            assert parts == seen

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.members.remove(member)

        async with storage.snapshot() as uow:
            everything = DeploymentFilter()
            page = await uow.deployments.visible_to(actor).page(everything, limit=9, offset=0)
            assert (0, []) == (page.total, list(page.items))
            assert [own] == list(await uow.projects.visible_to(actor).all())
            assert [] == list(await uow.webhooks.visible_to(actor).all())
            with pytest.raises(NotFoundError):
                await uow.projects.visible_to(actor).get(project.id)

    async def test_a_member_sees_no_deleted_project(self, storage: Storage) -> None:
        """A deleted project is neither listed nor found, even by its members."""
        owner, user = a_user(), a_user()
        project = a_project(owner, deleted_at=NOON)
        await store(storage, owner, user, project, a_member(project, user))

        async with storage.snapshot() as uow:
            assert [] == list(await uow.projects.visible_to(Actor.from_user(user)).all())
            with pytest.raises(NotFoundError):
                await uow.members.visible_to(Actor.from_user(user)).own_role(project.id)

    async def test_the_role_of_a_member_can_be_changed(self, storage: Storage) -> None:
        """Storing a member again with another role replaces the old role."""
        owner, user = a_user(), a_user()
        project = a_project(owner)
        member = a_member(project, user)
        await store(storage, owner, user, project, member)
        viewer = member.with_role(ProjectRole.VIEWER)

        await store(storage, viewer)

        async with storage.snapshot() as uow:
            assert [viewer] == list(await uow.members.of_project(project))

    async def test_team_is_removed_with_its_project(self, storage: Storage) -> None:
        """Memberships and invitations are deleted with the project."""
        project, user = await store_project(storage), a_user()
        await store(
            storage, user, a_member(project, user), an_invitation(project, email=user.email)
        )

        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.members.of_project(project))
            assert [] == list(await uow.invitations.of_user(user))
        with pytest.raises(NotFoundError):
            await store(storage, a_member(project, user))


class InvitationsContract:
    """Contract tests of the `Invitations` port."""

    async def test_an_invitation_is_found_by_project_and_by_account(self, storage: Storage) -> None:
        """
        Both lists begin with the oldest invitation. The list of an account includes each project
        and its owner.
        """
        bob, owner, other_owner = a_user(email="bob@example.com"), a_user(), a_user()
        project, other = a_project(owner), a_project(other_owner)
        await store(storage, owner, other_owner, project, other)
        late = an_invitation(project, email="bob@example.com", created_at=later(2))
        early = an_invitation(other, email="bob@example.com", created_at=later(1))
        for_carl = an_invitation(project, email="carl@example.com")
        await store(storage, late, early, for_carl)

        async with storage.snapshot() as uow:
            assert [for_carl, late] == list(await uow.invitations.of_project(project))
            found = list(await uow.invitations.of_user(bob))

        assert [(early, other, other_owner), (late, project, owner)] == found

    async def test_expired_invitations_are_deleted(self, storage: Storage) -> None:
        """Expired invitations are deleted, and valid ones stay."""
        project = await store_project(storage)
        old = an_invitation(project, email="bob@example.com", expires_at=later(60))
        good = evolve(an_invitation(project, email="carl@example.com"), expires_at=later(61))
        await store(storage, old, good)

        async with storage.transaction() as uow:
            await uow.invitations.remove_expired(later(60))

        async with storage.snapshot() as uow:
            assert [good] == list(await uow.invitations.of_project(project))
