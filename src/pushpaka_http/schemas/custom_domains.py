"""Response bodies for custom domains."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.ids import ProjectId, UserId
from pushpaka_core.domain.routing.custom_domains import (
    CustomDomain,
    CustomDomainId,
    DomainStatus,
    HostRecords,
    Reachability,
)
from pushpaka_http.schemas.conversions import from_attributes


@frozen(kw_only=True, slots=False)
class VerificationResponse:
    """The DNS record that proves ownership of a domain."""

    type: str
    """Type of the DNS record: always "TXT"."""
    name: str
    """Name of the DNS record."""
    value: str
    """Value of the DNS record."""


@frozen(kw_only=True, slots=False)
class HostRecordsResponse:
    """The DNS records of a host name."""

    cname: str | None
    """Target of the CNAME record; null if there is none."""
    addresses: Sequence[str]
    """IPv4 and IPv6 addresses of the A and AAAA records, sorted."""

    @classmethod
    def of(cls, records: HostRecords) -> Self:
        """Return the response for *records*."""
        return cls(cname=records.cname, addresses=records.addresses)


@frozen(kw_only=True, slots=False)
class DomainResponse:
    """A custom domain of a project."""

    id: CustomDomainId
    """Id of the domain."""
    project_id: ProjectId
    """Id of the project."""
    user_id: UserId
    """Id of the user who added the domain."""
    domain: str
    """Host name, in lowercase."""
    verified: bool
    """Whether ownership of the domain is verified. Only verified domains are routed."""
    ssl_enabled: bool
    """Whether the domain has a certificate. If so, visitors are redirected to HTTPS."""
    verification: VerificationResponse
    """DNS record that proves ownership."""
    created_at: datetime
    """When the domain was added."""
    updated_at: datetime
    """When the domain's verification last changed."""
    status: DomainStatus
    """Result of the verification."""
    reason: str | None
    """Problem that the last check found; null if there was none."""
    checked_at: datetime | None
    """When the domain's DNS records were last checked; null before the first check."""
    expires_at: datetime | None
    """
    When the domain is deleted if it is still unverified, or no longer routed if its TXT record is
    still missing; null otherwise.
    """
    dns_ok: bool
    """
    Whether the domain's CNAME or address records lead to this instance.

    This can be false for a working domain that points to your own proxy.
    """
    dns_expected: HostRecordsResponse
    """DNS records that point to this instance."""
    dns_actual: HostRecordsResponse
    """DNS records of the domain at the last check."""

    @classmethod
    def of(cls, domain: CustomDomain) -> Self:
        """Return the response for *domain*, with the TXT record that verifies it."""
        reachability = domain.reachability or Reachability()
        return from_attributes(
            cls,
            domain,
            verified=domain.is_verified,
            verification=VerificationResponse(
                type="TXT", name=domain.challenge_name, value=domain.challenge
            ),
            dns_ok=reachability.is_reachable,
            dns_expected=HostRecordsResponse.of(reachability.expected),
            dns_actual=HostRecordsResponse.of(reachability.seen),
        )
