"""The part of the storage that keeps who is in the team of a project, and who is invited."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.members import Invitation, Member, ProjectRole
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.users import User


class VisibleMembers(Protocol):
    """The teams that somebody is in."""

    async def own_role(self, project_id: ProjectId, /) -> ProjectRole:
        """Return what they may do with a project, or raise NotFoundError."""
        ...

    async def own_roles(
        self, project_ids: Collection[ProjectId], /
    ) -> Mapping[ProjectId, ProjectRole]:
        """Return what they may do with each of these projects that they see."""
        ...


class Members(Protocol):
    """Who is in the team of a project, beside its owner."""

    def visible_to(self, actor: Actor, /) -> VisibleMembers:
        """Return what *actor* is in."""
        ...

    async def of_project(self, project: Project, /) -> Sequence[Member]:
        """Return the team of a project, the longest-lived first."""
        ...

    async def put(self, member: Member, /) -> None:
        """Keep a new member, or the new role of one."""

    async def remove(self, member: Member, /) -> None:
        """Take a member out of the team. Harmless to repeat."""


class Invitations(Protocol):
    """Places in teams that wait for somebody, good or not any more."""

    async def of_project(self, project: Project, /) -> Sequence[Invitation]:
        """Return those of a project, the oldest first."""
        ...

    async def of_user(self, user: User, /) -> Sequence[tuple[Invitation, Project, User]]:
        """
        Return those for the e-mail address of an account, the oldest first.

        Each comes with the project that it is to, and the owner of that.
        """
        ...

    async def add(self, invitation: Invitation, /) -> None:
        """Keep a new invitation; DuplicateError where the address has one to the same project."""

    async def remove(self, invitation: Invitation, /) -> None:
        """Take an invitation away. Harmless to repeat."""

    async def forget(self, at: datetime, /) -> None:
        """Take away what has expired at a time."""
