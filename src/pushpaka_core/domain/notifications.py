"""Notifications: who is told how deployments of a project end, and what they are told."""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol, Self
from urllib.parse import urlsplit
from uuid import UUID

from attrs import evolve, field, frozen

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION, Deployment
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.redaction import MASKED
from pushpaka_core.domain.rules import rule
from pushpaka_core.domain.secrets import Encrypted

ChannelId = NewType("ChannelId", UUID)

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+]{1,31})://[!-~]{1,2000}")
_WEBHOOK_SCHEMES = frozenset({"http", "https"})
_SECRET_PREFIX = "whsec_"  # noqa: S105 - it stands before a secret
_MOST_SAID = 1000


class Occasion(StrEnum):
    """What somebody may want to be told of."""

    SUCCESS = "success"
    FAILURE = "failure"
    CRASH = "crash"


OCCASIONS: Mapping[DeploymentStatus, Occasion] = {
    DeploymentStatus.RUNNING: Occasion.SUCCESS,
    DeploymentStatus.FAILED: Occasion.FAILURE,
    DeploymentStatus.CRASHED: Occasion.CRASH,
}
"""What a deployment's new status is told as."""

_TITLES: Mapping[Occasion, str] = {
    Occasion.SUCCESS: "is deployed",
    Occasion.FAILURE: "could not be deployed",
    Occasion.CRASH: "has crashed",
}


def check_channel_url(value: str) -> None:
    """Refuse what is no address; whether a service understands it is seen when it is used."""
    if not _URL.fullmatch(value):
        raise ValueError("must be an address as in slack://…, mailtos://… or https://…")
    if is_webhook(value):
        _check_webhook(value)


def scheme_of(url: str) -> str:
    """Return the part of an address that is no secret."""
    return url.partition("://")[0]


def is_webhook(url: str) -> bool:
    """Tell whether it is a program that is told, by a signed request."""
    return scheme_of(url) in _WEBHOOK_SCHEMES


def masked(sentence: str, *, url: str) -> str:
    """Return *sentence* without the name of the host that *url* leads to."""
    host = urlsplit(url).hostname
    return sentence.replace(host, MASKED) if host else sentence


def _check_webhook(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_placed = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_placed = False
    if not is_placed or "@" in parts.netloc:
        raise ValueError("must name a host, without a user name or a password")


@frozen(kw_only=True)
class NewChannel:
    """Somebody who is to be told."""

    project_id: ProjectId
    url: str = field(validator=rule(check_channel_url), repr=False)
    success: bool = True
    failure: bool = True
    crash: bool = True


@frozen(kw_only=True)
class Channel:
    """Where notifications of a project go, and of what."""

    id: ChannelId
    project_id: ProjectId
    service: str
    """The scheme of its address, which names the service."""
    url: Encrypted
    """It holds passwords and tokens, so that it is never shown."""
    secret: Encrypted | None
    """What webhooks are signed with; None for services that know the platform by the address."""
    success: bool
    failure: bool
    crash: bool
    told_at: datetime | None = None
    """When it has last taken something."""
    error: str | None = None
    """Why it has not taken what it was last told; None where it has, or was told nothing yet."""
    created_at: datetime

    def wants(self, occasion: Occasion) -> bool:
        """Tell whether it is told of *occasion*."""
        return {
            Occasion.SUCCESS: self.success,
            Occasion.FAILURE: self.failure,
            Occasion.CRASH: self.crash,
        }[occasion]

    def signing_with(self, secret: Encrypted) -> Self:
        """Return it with what its requests are signed with."""
        return evolve(self, secret=secret)

    def told(self, *, at: datetime) -> Self:
        """Return it after it has taken something."""
        return evolve(self, told_at=at, error=None)

    def missed(self, reason: str) -> Self:
        """Return it after it has not, for a *reason* that holds nothing of its address."""
        return evolve(self, error=reason)

    @staticmethod
    def context_of(id: ChannelId, what: str) -> str:
        """Return what the ciphertext of channel *id*'s "url" or "secret" is bound to."""
        return f"channels:{id}:{what}"


class News(Protocol):
    """What somebody is told."""

    @property
    def title(self) -> str:
        """Return it in one line."""
        ...

    @property
    def text(self) -> str:
        """Return the rest that a person wants to know."""
        ...

    @property
    def document(self) -> Mapping[str, object]:
        """Return it for programs."""
        ...


@frozen(kw_only=True)
class Trial:
    """What somebody is told to see that they can be: nothing has become of any deployment."""

    project: Project
    at: datetime

    @property
    def title(self) -> str:
        """Return it in one line."""
        return f"{self.project.name}: a test"

    @property
    def text(self) -> str:
        """Return the rest that a person wants to know."""
        return "What becomes of its deployments is told here."

    @property
    def document(self) -> Mapping[str, object]:
        """Return it for programs."""
        return {
            "type": "test",
            "timestamp": self.at.isoformat(),
            "data": {"project_id": str(self.project.id), "project": self.project.name},
        }


@frozen(kw_only=True)
class Notification:
    """What has become of a deployment, in words for people and for programs."""

    occasion: Occasion
    project: Project
    deployment: Deployment
    url: str
    """Where its visitors go."""
    error: str | None
    """Why it failed or crashed, as it was then."""
    at: datetime

    @property
    def title(self) -> str:
        """Return it in one line."""
        target = self.deployment.target
        what = self.project.name if target == PRODUCTION else f"{self.project.name} ({target})"
        return f"{what} {_TITLES[self.occasion]}"

    @property
    def text(self) -> str:
        """Return the rest that a person wants to know."""
        if self.occasion is Occasion.SUCCESS:
            return f"{self._source} answers at {self.url}"
        return f"{self._source}: {(self.error or 'Its log says why.')[:_MOST_SAID]}"

    @property
    def _source(self) -> str:
        sha, message = self.deployment.commit_sha, self.deployment.commit_message
        if sha is None and message is not None:  # It is made of a folder.
            return message
        return f"{self.deployment.branch} at {(sha or 'no commit')[:12]}"

    @property
    def document(self) -> Mapping[str, object]:
        """Return it for programs."""
        return {
            "type": f"deployment.{self.occasion}",
            "timestamp": self.at.isoformat(),
            "data": {
                "project_id": str(self.project.id),
                "project": self.project.name,
                "deployment_id": str(self.deployment.id),
                "target": self.deployment.target,
                "branch": self.deployment.branch,
                "commit_sha": self.deployment.commit_sha,
                "commit_message": self.deployment.commit_message,
                "url": self.url,
                "error": self.error,
            },
        }


def signed_headers(id: UUID, body: bytes, secret: str, *, at: datetime) -> dict[str, str]:
    """
    Return what proves to the receiver of *body* who sends it, and when.

    Source: Standard Webhooks, https://github.com/standard-webhooks/standard-webhooks
    """
    seconds = int(at.timestamp())
    key = b64decode(secret.removeprefix(_SECRET_PREFIX))
    digest = hmac.digest(key, f"{id}.{seconds}.".encode() + body, "sha256")
    return {
        "Content-Type": "application/json",
        "webhook-id": str(id),
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }


def secret_of(random: bytes) -> str:
    """Return random bytes as receivers are given the secret of a webhook."""
    return f"{_SECRET_PREFIX}{b64encode(random).decode()}"
