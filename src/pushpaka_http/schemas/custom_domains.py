"""How custom domains look."""

from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.custom_domains import CustomDomain, CustomDomainId
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.users import UserId


@frozen(kw_only=True, slots=False)
class VerificationResponse:
    """The DNS record that proves who owns a domain."""

    type: str
    name: str
    value: str


@frozen(kw_only=True, slots=False)
class DomainResponse:
    """A domain that somebody has brought along."""

    id: CustomDomainId
    project_id: ProjectId
    user_id: UserId
    domain: str
    verified: bool
    ssl_enabled: bool
    verification: VerificationResponse
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, domain: CustomDomain) -> Self:
        """Show *domain*, with what its owner has to publish."""
        return cls(
            id=domain.id,
            project_id=domain.project_id,
            user_id=domain.user_id,
            domain=domain.domain,
            verified=domain.is_verified,
            ssl_enabled=domain.ssl_enabled,
            verification=VerificationResponse(
                type="TXT", name=domain.challenge_name, value=domain.challenge
            ),
            created_at=domain.created_at,
            updated_at=domain.updated_at,
        )
