"""Users, API tokens, members and audit entries for tests."""

from typing import Any

from attrs import evolve

from pushpaka_core.domain.accounts.members import Invitation, InvitationId, Member, ProjectRole
from pushpaka_core.domain.accounts.tokens import ApiToken, RevokedToken, TokenScope
from pushpaka_core.domain.accounts.users import User
from pushpaka_core.domain.ids import ApiTokenId, AuditEntryId, UserId
from pushpaka_core.domain.platform.audit import AuditEntry
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.testing.objects.values import NOON, an_id, later, new_uuid, numbers


def a_user(**fields: Any) -> User:
    """Return a user account."""
    number = next(numbers)
    standard = User(
        id=UserId(new_uuid(number)),
        email=f"user{number}@example.com",
        name=f"User {number}",
        password_hash="$hash$",
        created_at=NOON,
    )
    return evolve(standard, **fields)


def an_api_token(owner: User, **fields: Any) -> ApiToken:
    """Return an API token of *owner* with full scope."""
    number = next(numbers)
    standard = ApiToken(
        id=ApiTokenId(new_uuid(number)),
        user_id=owner.id,
        name=f"Token {number}",
        scope=TokenScope.FULL,
        prefix=f"ppk_{number:08x}",
        digest=f"{number:064x}",
        created_at=NOON,
    )
    return evolve(standard, **fields)


def a_revoked_token(owner: User, **fields: Any) -> RevokedToken:
    """Return a revoked access token of *owner*."""
    standard = RevokedToken(token_id=str(an_id()), user_id=owner.id, expires_at=later(3600))
    return evolve(standard, **fields)


def a_member(project: Project, user: User, **fields: Any) -> Member:
    """Return the membership of *user* in *project*, with the role of a member."""
    standard = Member(
        project_id=project.id, user_id=user.id, role=ProjectRole.MEMBER, created_at=NOON
    )
    return evolve(standard, **fields)


def an_invitation(project: Project, **fields: Any) -> Invitation:
    """Return an invitation to *project*, with the role of a viewer."""
    number = next(numbers)
    standard = Invitation(
        id=InvitationId(new_uuid(number)),
        project_id=project.id,
        email=f"guest{number}@example.com",
        role=ProjectRole.VIEWER,
        invited_by=project.user_id,
        token_version=1,
        created_at=NOON,
        expires_at=later(3600),
    )
    return evolve(standard, **fields)


def an_audit_entry(user_id: UserId | None, **fields: Any) -> AuditEntry:
    """Return an audit log entry."""
    standard = AuditEntry(
        id=AuditEntryId(an_id()),
        user_id=user_id,
        action="project.created",
        subject_id=an_id(),
        created_at=NOON,
    )
    return evolve(standard, **fields)
