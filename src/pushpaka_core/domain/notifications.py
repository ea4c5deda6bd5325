"""Notifications: who is told how deployments of a project end, and what they are told."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NewType, Self
from urllib.parse import urlsplit
from uuid import UUID

from attrs import evolve, field, frozen

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.rules import rule
from pushpaka_core.domain.secrets import Encrypted

ChannelId = NewType("ChannelId", UUID)

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+]{1,31})://[!-~]{1,2000}")
_WEBHOOK_SCHEMES = frozenset({"http", "https"})


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


def check_channel_url(value: str) -> None:
    """Refuse what is no address; whether a service understands it is seen when it is used."""
    if not _URL.fullmatch(value):
        raise ValueError("must be an address as in slack://…, mailtos://… or https://…")
    if scheme_of(value) in _WEBHOOK_SCHEMES:
        _check_webhook(value)


def scheme_of(url: str) -> str:
    """Return the part of an address that is no secret."""
    return url.partition("://")[0]


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

    @property
    def is_webhook(self) -> bool:
        """Tell whether it is a program that is told, by a signed request."""
        return self.service in _WEBHOOK_SCHEMES

    @staticmethod
    def context_of(id: ChannelId, what: str) -> str:
        """Return what the ciphertext of channel *id*'s "url" or "secret" is bound to."""
        return f"channels:{id}:{what}"
