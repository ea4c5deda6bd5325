"""Custom domains: names that an owner brings along, routed once ownership is proven."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NewType, Self
from uuid import UUID

import idna
from attrs import evolve, field, frozen

from pushpaka_core.domain.hosts import is_host_name
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.rules import rule
from pushpaka_core.domain.timings import has_come
from pushpaka_core.domain.users import UserId

CustomDomainId = NewType("CustomDomainId", UUID)

CLAIM_KEPT = timedelta(days=7)
"""How long a claim may stay unproven; then anybody has to claim the domain anew."""
LAPSES_AFTER = timedelta(days=3)
"""How long a proven domain is routed on after its record has gone."""
_CHALLENGE = "_pushpaka-challenge."
_LONGEST = 253 - len(_CHALLENGE)
_SHORTEST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
"""A domain is looked at as often as that at least."""
_PRIVATE = frozenset({"localhost", "local", "internal", "invalid", "test", "onion", "arpa"})


class DomainStatus(StrEnum):
    """How a claim stands to its proof."""

    PENDING = "pending"
    """Not proven: it is not routed, and ends some day."""
    VERIFIED = "verified"
    LAPSING = "lapsing"
    """Routed as before, but its record has gone."""


def normal_domain(domain: str) -> str:
    """Return the form in which domains are compared and kept."""
    return domain.lower()


def check_domain(value: str) -> None:
    """
    Accept a fully qualified ASCII host name (RFC 1123), no address and no wildcard.

    Names in other scripts come as A-labels (RFC 5890).
    """
    name = value.lower()
    labels = name.split(".")
    if not (value.isascii() and len(labels) > 1 and is_host_name(name)):
        raise ValueError('must be a domain name in ASCII, as in "app.example.com"')
    if len(name) > _LONGEST:
        raise ValueError(f"must have at most {_LONGEST} characters")
    if labels[-1] in _PRIVATE:
        raise ValueError(f'must be a public domain name, not one below "{labels[-1]}"')
    for label in labels:
        _check_label(label)


@lru_cache(maxsize=1 << 15)
def is_domain(name: str) -> bool:
    """Tell whether *name* is one that can be claimed, in the form in which it is kept."""
    try:
        check_domain(name)
    except ValueError:
        return False
    return name == normal_domain(name)


def _check_label(label: str) -> None:
    if not label.startswith("xn--"):
        return
    try:
        idna.ulabel(label)
    except idna.IDNAError:
        raise ValueError(f'must be valid in other scripts too: "{label}" stands for none') from None


@frozen(kw_only=True)
class NewCustomDomain:
    """A domain that somebody wants to bring along."""

    project_id: ProjectId
    domain: str = field(validator=rule(check_domain))


@frozen(kw_only=True)
class HostRecords:
    """Where a name leads its visitors, by its records in the DNS."""

    cname: str | None = None
    """The name that it stands for."""
    addresses: tuple[str, ...] = ()
    """Of IPv4 and IPv6, sorted, of the name that it stands for where it has none itself."""

    def lead_to(self, expected: "HostRecords") -> bool:
        """Tell whether whoever follows them comes to no other place than by *expected*."""
        is_alias = self.cname is not None and self.cname == expected.cname
        has_same = bool(self.addresses) and set(self.addresses) <= set(expected.addresses)
        return is_alias or has_same


@frozen(kw_only=True)
class Reachability:
    """Whether visitors of a domain come to this instance, as last seen in the DNS."""

    seen: HostRecords = HostRecords()
    expected: HostRecords = HostRecords()
    """An alias of the project's own host name, or the same addresses."""

    @property
    def is_reached(self) -> bool:
        """Tell whether they do."""
        return self.seen.lead_to(self.expected)


@frozen(kw_only=True)
class DomainSight:
    """What the DNS says of a domain at one moment."""

    texts: Collection[str]
    """The texts at the challenge's name."""
    reachability: Reachability | None
    """None where the DNS does not tell, or nobody may know."""


@frozen(kw_only=True)
class CustomDomain:
    """A domain that somebody has claimed for a project."""

    id: CustomDomainId
    project_id: ProjectId
    user_id: UserId
    domain: str
    challenge: str
    """What the TXT record has to say."""
    verified_at: datetime | None = None
    ssl_enabled: bool = False
    """Whether the router has a certificate for it, so that its visitors come by HTTPS."""
    missing_since: datetime | None = None
    """Since when the record has been looked for in vain; None where it was found last."""
    checked_at: datetime | None = None
    """When it was last looked for."""
    reason: str | None = None
    """What the last look has found wrong; None where nothing was, or before the first."""
    reachability: Reachability | None = None
    """None until it has been looked at."""
    created_at: datetime
    updated_at: datetime

    @property
    def is_verified(self) -> bool:
        """Tell whether ownership is proven; only then is it routed."""
        return self.verified_at is not None

    @property
    def is_routable(self) -> bool:
        """Tell whether it may be routed: it is proven, and its name one that can be claimed."""
        return self.is_verified and is_domain(self.domain)

    @property
    def wants_certificate(self) -> bool:
        """Tell whether one can be obtained: not before its visitors come here, and then on."""
        is_reached = self.reachability is not None and self.reachability.is_reached
        return self.is_verified and (self.ssl_enabled or is_reached)

    @property
    def status(self) -> DomainStatus:
        """Return how it stands to its proof."""
        if not self.is_verified:
            return DomainStatus.PENDING
        return DomainStatus.VERIFIED if self.missing_since is None else DomainStatus.LAPSING

    @property
    def challenge_name(self) -> str:
        """Return the name of the TXT record that proves ownership."""
        return f"{_CHALLENGE}{self.domain}"

    @property
    def expires_at(self) -> datetime | None:
        """Return when the claim ends, or the routes of what is lapsing do."""
        match self.status:
            case DomainStatus.PENDING:
                return self._unproven_since + CLAIM_KEPT
            case DomainStatus.LAPSING:
                return self._unproven_since + LAPSES_AFTER
            case DomainStatus.VERIFIED:
                return None

    @property
    def _unproven_since(self) -> datetime:
        return self.missing_since or self.created_at

    def has_expired(self, at: datetime) -> bool:
        """Tell whether it is a claim whose time is over."""
        return not self.is_verified and self.expires_at is not None and self.expires_at <= at

    def is_due(self, at: datetime) -> bool:
        """Tell whether to look again, or end what has expired."""
        return has_come(self.next_look, now=at, longest=LONGEST_PAUSE)

    @property
    def next_look(self) -> datetime:
        """Return when to look again: the longer nothing changes, the more seldom."""
        if self.is_verified or self.expires_at is None:
            return self._next_question
        return min(self._next_question, self.expires_at)

    @property
    def _next_question(self) -> datetime:
        # An answer that there is no record is kept by name servers: nobody looks too soon.
        if self.checked_at is None:
            return self.created_at + _SHORTEST_PAUSE
        if self.status is DomainStatus.VERIFIED:
            return self.checked_at + LONGEST_PAUSE
        waited = self.checked_at - self._unproven_since
        return self.checked_at + min(max(waited, _SHORTEST_PAUSE), LONGEST_PAUSE)

    def seen(self, sight: DomainSight, *, at: datetime) -> Self:
        """Return what it is after a look at the DNS."""
        is_proven = self.challenge in sight.texts
        judged = self._proven(at) if is_proven else self._missed(self._complaint(sight), at)
        reachability = sight.reachability or self.reachability
        return evolve(judged, checked_at=at, reachability=reachability)

    def unseen(self, reason: str, *, at: datetime) -> Self:
        """Return what it is after a look that told nothing: as proven as before."""
        return evolve(self, checked_at=at, reason=reason)

    def _complaint(self, sight: DomainSight) -> str:
        said = "does not hold the value of this claim" if sight.texts else "was not found"
        return f"The TXT record {self.challenge_name} {said}."

    def _proven(self, at: datetime) -> Self:
        if self.status is DomainStatus.VERIFIED:
            return evolve(self, reason=None)
        since = self.verified_at or at
        return evolve(self, verified_at=since, missing_since=None, reason=None, updated_at=at)

    def _missed(self, reason: str, at: datetime) -> Self:
        if not self.is_verified:
            return evolve(self, reason=reason)
        if self.missing_since is None:
            return evolve(self, missing_since=at, reason=reason, updated_at=at)
        if at < self.missing_since + LAPSES_AFTER:
            return evolve(self, reason=reason)
        return evolve(self, verified_at=None, missing_since=at, reason=reason, updated_at=at)
