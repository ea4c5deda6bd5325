"""What every storage must do with teams and invitations, as tests."""

import pytest
from attrs import evolve

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.errors import DuplicateError, NotFoundError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.storage_deployments import DeploymentFilter
from pushpaka_core.testing.keeping import Kept, keep, keep_project
from pushpaka_core.testing.objects import (
    NOON,
    a_channel,
    a_custom_domain,
    a_deployment,
    a_member,
    a_project,
    a_user,
    a_webhook,
    an_env_var,
    an_invitation,
    later,
)


class MembersContract:
    """The promises of the ports `Members` and `VisibleMembers`."""

    async def test_a_role_is_known_of_who_has_one(self, storage: Storage) -> None:
        """The owner has the largest, the platform as well, and strangers have none."""
        owner, member, viewer, stranger = a_user(), a_user(), a_user(), a_user()
        project = a_project(owner)
        viewing = a_member(project, viewer, role=ProjectRole.VIEWER)
        people = [owner, member, viewer, stranger]
        await keep(storage, *people, project, a_member(project, member), viewing)

        async with storage.snapshot() as uow:
            actors = [*map(Actor.of, people[:3]), PLATFORM]
            roles = [await uow.members.visible_to(a).own_role(project.id) for a in actors]
            with pytest.raises(NotFoundError, match="project"):
                await uow.members.visible_to(Actor.of(stranger)).own_role(project.id)

        assert roles == ["owner", "member", "viewer", "owner"]

    async def test_roles_are_known_of_many_projects_at_once(self, storage: Storage) -> None:
        """Each project that somebody sees comes with their role in it, and no other one."""
        ann, bob = a_user(), a_user()
        own, joined, foreign = a_project(ann), a_project(bob), a_project(bob)
        gone = a_project(ann, deleted_at=later(1))
        await keep(storage, ann, bob, own, joined, foreign, gone, a_member(joined, ann))
        asked = [project.id for project in (own, joined, foreign, gone)]

        async with storage.snapshot() as uow:
            roles = await uow.members.visible_to(Actor.of(ann)).own_roles(asked)

        assert roles == {own.id: "owner", joined.id: "member"}

    async def test_a_team_is_listed(self, storage: Storage) -> None:
        """Its members come in the order of their coming; its accounts are those of all in it."""
        owner, first, second, other = a_user(), a_user(), a_user(), a_user()
        project, foreign = a_project(owner), a_project(other)
        late = a_member(project, first, created_at=later(1))
        early = a_member(project, second)
        await keep(storage, owner, first, second, other, project, foreign, late, early)
        await keep(storage, a_member(foreign, first))

        async with storage.snapshot() as uow:
            assert [early, late] == list(await uow.members.of_project(project))
            assert [owner, first, second] == list(await uow.users.of_team(project))

    async def test_a_member_sees_what_belongs_to_the_project(self, storage: Storage) -> None:
        """All of it, beside what is their own; nothing of it once they are taken out."""
        owner, user = a_user(), a_user()
        project, own = a_project(owner), a_project(user, created_at=later(1))
        deployment, env_var = a_deployment(project), an_env_var(project)
        parts: list[Kept] = [a_webhook(project), a_channel(project), a_custom_domain(project)]
        member = a_member(project, user)
        await keep(storage, owner, user, project, own, deployment, env_var, *parts, member)
        actor = Actor.of(user)

        async with storage.snapshot() as uow:
            assert [own, project] == list(await uow.projects.visible_to(actor).all())
            assert project == await uow.projects.visible_to(actor).get(project.id)
            assert deployment == await uow.deployments.visible_to(actor).get(deployment.id)
            assert [env_var] == list(await uow.env_vars.visible_to(actor).of_project(project.id))
            seen = [
                *await uow.webhooks.visible_to(actor).all(),
                *await uow.channels.visible_to(actor).all(),
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
        """It is gone for the whole team at once."""
        owner, user = a_user(), a_user()
        project = a_project(owner, deleted_at=NOON)
        await keep(storage, owner, user, project, a_member(project, user))

        async with storage.snapshot() as uow:
            assert [] == list(await uow.projects.visible_to(Actor.of(user)).all())
            with pytest.raises(NotFoundError):
                await uow.members.visible_to(Actor.of(user)).own_role(project.id)

    async def test_a_member_is_given_another_role(self, storage: Storage) -> None:
        """Nobody is in a team twice."""
        owner, user = a_user(), a_user()
        project = a_project(owner)
        member = a_member(project, user)
        await keep(storage, owner, user, project, member)
        viewer = member.with_role(ProjectRole.VIEWER)

        await keep(storage, viewer)

        async with storage.snapshot() as uow:
            assert [viewer] == list(await uow.members.of_project(project))

    async def test_a_team_goes_with_its_project(self, storage: Storage) -> None:
        """Nobody is in the team of what is not there, or invited into it."""
        project, user = await keep_project(storage), a_user()
        await keep(storage, user, a_member(project, user), an_invitation(project, user.email))

        async with storage.transaction() as uow:
            await uow.projects.remove(project)

        async with storage.snapshot() as uow:
            assert [] == list(await uow.members.of_project(project))
            assert [] == list(await uow.invitations.of_user(user))
        with pytest.raises(NotFoundError):
            await keep(storage, a_member(project, user))


class InvitationsContract:
    """The promises of the port `Invitations`."""

    async def test_an_invitation_is_found_from_both_sides(self, storage: Storage) -> None:
        """By the project and by the account with the address, the oldest first; then with both."""
        bob, owner, other_owner = a_user(email="bob@example.com"), a_user(), a_user()
        project, other = a_project(owner), a_project(other_owner)
        await keep(storage, owner, other_owner, project, other)
        late = an_invitation(project, "bob@example.com", created_at=later(2))
        early = an_invitation(other, "bob@example.com", created_at=later(1))
        for_carl = an_invitation(project, "carl@example.com")
        await keep(storage, late, early, for_carl)

        async with storage.snapshot() as uow:
            assert [for_carl, late] == list(await uow.invitations.of_project(project))
            found = list(await uow.invitations.of_user(bob))

        assert [(early, other, other_owner), (late, project, owner)] == found

    async def test_an_address_is_invited_once(self, storage: Storage) -> None:
        """A second invitation to the same project is refused, until the first is taken away."""
        project = await keep_project(storage)
        first = an_invitation(project, "bob@example.com")
        second = an_invitation(project, "bob@example.com")
        await keep(storage, first)

        with pytest.raises(DuplicateError, match="invitation"):
            await keep(storage, second)
        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.invitations.remove(first)
        await keep(storage, second)

        async with storage.snapshot() as uow:
            assert [second] == list(await uow.invitations.of_project(project))

    async def test_what_has_expired_is_forgotten(self, storage: Storage) -> None:
        """What is good for longer stays."""
        project = await keep_project(storage)
        old = an_invitation(project, "bob@example.com", expires_at=later(60))
        good = evolve(an_invitation(project, "carl@example.com"), expires_at=later(61))
        await keep(storage, old, good)

        async with storage.transaction() as uow:
            await uow.invitations.forget(later(60))

        async with storage.snapshot() as uow:
            assert [good] == list(await uow.invitations.of_project(project))

    async def test_an_invitation_needs_its_project(self, storage: Storage) -> None:
        """One to a project that was removed meanwhile is refused."""
        with pytest.raises(NotFoundError):
            await keep(storage, an_invitation(a_project(a_user()), "bob@example.com"))
