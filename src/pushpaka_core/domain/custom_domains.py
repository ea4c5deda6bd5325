"""Custom domains: names that an owner brings along, routed once ownership is proven."""

from datetime import datetime
from typing import NewType
from uuid import UUID

from attrs import field, frozen

from pushpaka_core.domain.hosts import is_host_name
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.rules import rule
from pushpaka_core.domain.users import UserId

CustomDomainId = NewType("CustomDomainId", UUID)


def normal_domain(domain: str) -> str:
    """Return the form in which domains are compared and kept."""
    return domain.lower()


def check_domain(value: str) -> None:
    """
    Accept a fully qualified ASCII host name (RFC 1123), no address and no wildcard.

    Names in other scripts come as A-labels.
    """
    labels = value.lower().split(".")
    if not (value.isascii() and len(labels) > 1 and is_host_name(value.lower())):
        raise ValueError('must be a domain name in ASCII, as in "app.example.com"')
    if labels[-1] in {"localhost", "local", "internal", "invalid", "test", "onion", "arpa"}:
        raise ValueError(f'must be a public domain name, not one below "{labels[-1]}"')


@frozen(kw_only=True)
class NewCustomDomain:
    """A domain that somebody wants to bring along."""

    project_id: ProjectId
    domain: str = field(validator=rule(check_domain))


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
    created_at: datetime
    updated_at: datetime

    @property
    def is_verified(self) -> bool:
        """Tell whether ownership is proven; only then is it routed."""
        return self.verified_at is not None

    @property
    def challenge_name(self) -> str:
        """Return the name of the TXT record that proves ownership."""
        return f"_pushpaka-challenge.{self.domain}"
