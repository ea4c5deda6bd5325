"""How custom domains look."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.custom_domains import (
    CustomDomain,
    CustomDomainId,
    DomainStatus,
    HostRecords,
    Reachability,
)
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.users import UserId


@frozen(kw_only=True, slots=False)
class VerificationResponse:
    """The DNS record that proves who owns a domain."""

    type: str
    name: str
    value: str


@frozen(kw_only=True, slots=False)
class HostRecordsResponse:
    """Where a name leads, by its records in the DNS."""

    cname: str | None
    addresses: Sequence[str]

    @classmethod
    def of(cls, records: HostRecords) -> Self:
        """Show *records*."""
        return cls(cname=records.cname, addresses=records.addresses)


@frozen(kw_only=True, slots=False)
class ReachabilityResponse:
    """Whether visitors of a domain come here; either the alias or the addresses must be so."""

    reached: bool
    seen: HostRecordsResponse
    expected: HostRecordsResponse

    @classmethod
    def of(cls, reachability: Reachability) -> Self:
        """Show what was seen beside what should be."""
        return cls(
            reached=reachability.is_reached,
            seen=HostRecordsResponse.of(reachability.seen),
            expected=HostRecordsResponse.of(reachability.expected),
        )


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
    status: DomainStatus
    reason: str | None
    checked_at: datetime | None
    expires_at: datetime | None
    reachability: ReachabilityResponse

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
            status=domain.status,
            reason=domain.reason,
            checked_at=domain.checked_at,
            expires_at=domain.expires_at,
            reachability=ReachabilityResponse.of(domain.reachability or Reachability()),
        )
