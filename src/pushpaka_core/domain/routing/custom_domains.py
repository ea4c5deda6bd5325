"""Custom domains, which are routed once a DNS TXT record has proven ownership."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NewType, Self
from uuid import UUID

import idna
from attrs import evolve, field, frozen

from pushpaka_core.domain.deployments.timeouts import has_passed
from pushpaka_core.domain.ids import ProjectId, UserId
from pushpaka_core.domain.projects.entities import EntityType
from pushpaka_core.domain.routing.hosts import is_host_name
from pushpaka_core.domain.validation import limited_to, validated_by

VERIFICATION_PERIOD = timedelta(days=7)
"""How long a domain can stay unverified before it is deleted."""
LAPSE_PERIOD = timedelta(days=3)
"""How long a verified domain is still routed after its TXT record has disappeared."""
_CHALLENGE_PREFIX = "_pushpaka-challenge."
_MAX_LENGTH = 253 - len(_CHALLENGE_PREFIX)
_MIN_CHECK_INTERVAL = timedelta(minutes=1)
MAX_CHECK_INTERVAL = timedelta(hours=1)
"""The maximum time between two DNS checks of a domain."""
_NON_PUBLIC_TLDS = frozenset({"localhost", "local", "internal", "invalid", "test", "onion", "arpa"})


class DomainStatus(StrEnum):
    """The verification status of a custom domain."""

    PENDING = "pending"
    """The domain is not verified and not routed. It is deleted after 7 days."""
    VERIFIED = "verified"
    """Verified. The domain is routed."""
    LAPSING = "lapsing"
    """Still routed, but its TXT record has disappeared."""


def normalize_domain(domain: str) -> str:
    """Return the normalized form in which domains are stored and compared."""
    return domain.lower()


@limited_to(_MAX_LENGTH)
def check_domain(value: str) -> None:
    """
    Raise ValueError unless *value* is a fully qualified public host name in ASCII (RFC 1123).

    IP addresses and wildcards are not accepted. Internationalized names must be in Punycode
    (A-labels, RFC 5890).
    """
    name = value.lower()
    labels = name.split(".")
    if not (value.isascii() and len(labels) > 1 and is_host_name(name)):
        raise ValueError('must be a domain name in ASCII, such as "app.example.com"')
    if labels[-1] in _NON_PUBLIC_TLDS:
        raise ValueError(f'must be a public domain name, not a subdomain of "{labels[-1]}"')
    for label in labels:
        _check_label(label)


@lru_cache(maxsize=1 << 15)
def is_domain(name: str) -> bool:
    """Return True if *name* is a valid custom domain in normalized form."""
    try:
        check_domain(name)
    except ValueError:
        return False
    return name == normalize_domain(name)


def _check_label(label: str) -> None:
    if not label.startswith("xn--"):
        return
    try:
        idna.ulabel(label)
    except idna.IDNAError:
        raise ValueError(f'must have valid Punycode labels, but "{label}" is not one') from None


@frozen(kw_only=True)
class NewCustomDomain:
    """The input for adding a custom domain."""

    project_id: ProjectId
    """Id of the project."""
    domain: str = field(validator=validated_by(check_domain))
    """
    Public host name in ASCII, for example "app.example.com".

    Internationalized names must be in Punycode.
    """


@frozen(kw_only=True)
class HostRecords:
    """The DNS records that determine which servers visitors of a host name reach."""

    cname: str | None = None
    """The target of the CNAME record, or None."""
    addresses: tuple[str, ...] = ()
    """Sorted IPv4 and IPv6 addresses, after following the CNAME."""

    def matches(self, expected_records: "HostRecords") -> bool:
        """
        Return True if visitors reach the same servers with these records as with
        *expected_records*.
        """
        is_alias = self.cname is not None and self.cname == expected_records.cname
        has_same = bool(self.addresses) and set(self.addresses) <= set(expected_records.addresses)
        return is_alias or has_same


@frozen(kw_only=True)
class Reachability:
    """Whether visitors of a domain reach this instance, according to the last DNS check."""

    seen: HostRecords = HostRecords()
    """The records of the domain."""
    expected: HostRecords = HostRecords()
    """
    The records of the project's own host name.

    The domain should be an alias of it or have the same addresses.
    """

    @property
    def is_reachable(self) -> bool:
        """Return True if visitors of the domain reach this instance."""
        return self.seen.matches(self.expected)


@frozen(kw_only=True)
class DomainObservation:
    """The result of one DNS check of a domain."""

    txt_records: Collection[str]
    """The values of the TXT records at the challenge name."""
    reachability: Reachability | None
    """Whether visitors reach this instance, or None if this could not be determined."""


CustomDomainId = NewType("CustomDomainId", UUID)


@frozen(kw_only=True)
class CustomDomain:
    """A custom domain of a project."""

    id: CustomDomainId
    project_id: ProjectId
    user_id: UserId
    """The user who added the domain."""
    domain: str
    challenge: str
    """The required value of the TXT record."""
    verified_at: datetime | None = None
    """When ownership was verified, or None."""
    ssl_enabled: bool = False
    """
    Whether the router has a certificate for the domain, so that visitors are redirected to HTTPS.
    """
    missing_since: datetime | None = None
    """
    The time since which the TXT record has been missing, or None if the last check found the
    record.
    """
    checked_at: datetime | None = None
    """The time of the last DNS check."""
    reason: str | None = None
    """The problem found by the last check, or None."""
    reachability: Reachability | None = None
    """The reachability at the last check, or None before the first one."""
    created_at: datetime
    updated_at: datetime

    @property
    def is_verified(self) -> bool:
        """Return True if ownership is verified. Only verified domains are routed."""
        return self.verified_at is not None

    @property
    def is_routable(self) -> bool:
        """Return True if the domain is verified and its name is valid."""
        return self.is_verified and is_domain(self.domain)

    @property
    def needs_certificate(self) -> bool:
        """
        Return True if the domain should have a certificate.

        A domain needs a certificate once it is verified and its visitors reach this instance. A
        domain that has had a certificate keeps it.
        """
        is_reached = self.reachability is not None and self.reachability.is_reachable
        return self.is_verified and (self.ssl_enabled or is_reached)

    @property
    def status(self) -> DomainStatus:
        """Return the verification status."""
        if not self.is_verified:
            return DomainStatus.PENDING
        return DomainStatus.VERIFIED if self.missing_since is None else DomainStatus.LAPSING

    @property
    def challenge_name(self) -> str:
        """Return the name of the TXT record that proves ownership."""
        return f"{_CHALLENGE_PREFIX}{self.domain}"

    @property
    def expires_at(self) -> datetime | None:
        """
        Return when an unverified domain is deleted, or when a lapsing one loses its routes, or
        None.
        """
        match self.status:
            case DomainStatus.PENDING:
                return self._unproven_since + VERIFICATION_PERIOD
            case DomainStatus.LAPSING:
                return self._unproven_since + LAPSE_PERIOD
            case DomainStatus.VERIFIED:
                return None

    @property
    def _unproven_since(self) -> datetime:
        return self.missing_since or self.created_at

    def has_expired(self, now: datetime) -> bool:
        """Return True if the domain was not verified in time and can be deleted."""
        return not self.is_verified and self.expires_at is not None and self.expires_at <= now

    def is_check_due(self, now: datetime) -> bool:
        """Return True if the next DNS check is due, or if an expired domain has to be deleted."""
        return has_passed(self.next_check_at, now=now, max_distance=MAX_CHECK_INTERVAL)

    @property
    def next_check_at(self) -> datetime:
        """Return the time of the next check. The interval grows while nothing changes."""
        if self.is_verified or self.expires_at is None:
            return self._next_dns_check_at
        return min(self._next_dns_check_at, self.expires_at)

    @property
    def _next_dns_check_at(self) -> datetime:
        # Name servers cache negative answers, so checking too early would delay the verification.
        if self.checked_at is None:
            return self.created_at + _MIN_CHECK_INTERVAL
        if self.status is DomainStatus.VERIFIED:
            return self.checked_at + MAX_CHECK_INTERVAL
        waited = self.checked_at - self._unproven_since
        return self.checked_at + min(max(waited, _MIN_CHECK_INTERVAL), MAX_CHECK_INTERVAL)

    def after_check(self, observation: DomainObservation, *, now: datetime) -> Self:
        """Return a copy of the domain with the result of a DNS check at *now*."""
        is_proven = self.challenge in observation.txt_records
        judged = (
            self._as_verified(now)
            if is_proven
            else self._as_unverified(self._missing_record_message(observation), now)
        )
        reachability = observation.reachability or self.reachability
        return evolve(judged, checked_at=now, reachability=reachability)

    def after_failed_check(self, reason: str, *, now: datetime) -> Self:
        """Return a copy that records a failed DNS check. The verification does not change."""
        return evolve(self, checked_at=now, reason=reason)

    def _missing_record_message(self, observation: DomainObservation) -> str:
        problem = "does not contain the challenge" if observation.txt_records else "was not found"
        return f"The TXT record {self.challenge_name} {problem}."

    def _as_verified(self, now: datetime) -> Self:
        if self.status is DomainStatus.VERIFIED:
            return evolve(self, reason=None)
        since = self.verified_at or now
        return evolve(self, verified_at=since, missing_since=None, reason=None, updated_at=now)

    def _as_unverified(self, reason: str, now: datetime) -> Self:
        if not self.is_verified:
            return evolve(self, reason=reason)
        if self.missing_since is None:
            return evolve(self, missing_since=now, reason=reason, updated_at=now)
        if now < self.missing_since + LAPSE_PERIOD:
            return evolve(self, reason=reason)
        return evolve(self, verified_at=None, missing_since=now, reason=reason, updated_at=now)


CUSTOM_DOMAINS = EntityType[CustomDomainId, CustomDomain](
    entity=CustomDomain, noun="domain", table="custom_domains", unique="domain"
)
