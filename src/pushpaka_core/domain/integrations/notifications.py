"""Notifications about the deployments of a project: channels, content and signatures."""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol, Self
from urllib.parse import urlsplit
from uuid import UUID

from attrs import evolve, field, frozen

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.logs.redaction import REDACTED
from pushpaka_core.domain.projects.entities import EntityType
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.validation import limited_to, validated_by
from pushpaka_core.domain.volumes.alarms import VolumeAlarm

MAX_CHANNELS = 100
"""The maximum number of channels per project."""

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+]{1,31})://[!-~]+")
_WEBHOOK_SCHEMES = frozenset({"http", "https"})
_SECRET_PREFIX = "whsec_"  # noqa: S105 - it stands before a secret
_MAX_ERROR_LENGTH = 1000


class NotificationTrigger(StrEnum):
    """A kind of event that triggers a notification."""

    SUCCESS = "success"
    """A deployment went live."""
    FAILURE = "failure"
    """
    A deployment, a snapshot or a restore failed, a release was rolled back automatically, a
    snapshot is overdue, or a volume is larger than its limit.
    """
    CRASH = "crash"
    """A live application crashed. Sent at most once per hour for each deployment."""


TRIGGERS: Mapping[DeploymentStatus, NotificationTrigger] = {
    DeploymentStatus.RUNNING: NotificationTrigger.SUCCESS,
    DeploymentStatus.FAILED: NotificationTrigger.FAILURE,
    DeploymentStatus.CRASHED: NotificationTrigger.CRASH,
}
"""The trigger for each status that causes a notification."""

_TITLES: Mapping[NotificationTrigger, str] = {
    NotificationTrigger.SUCCESS: "is deployed",
    NotificationTrigger.FAILURE: "could not be deployed",
    NotificationTrigger.CRASH: "has crashed",
}

_VOLUME_TITLES: Mapping[VolumeAlarm, str] = {
    VolumeAlarm.SNAPSHOT_FAILED: "the snapshot of the volume {} failed",
    VolumeAlarm.SNAPSHOT_OVERDUE: "the snapshot of the volume {} is overdue",
    VolumeAlarm.RESTORE_FAILED: "the restore of the volume {} failed",
    VolumeAlarm.SIZE_LIMIT_EXCEEDED: "the volume {} is larger than its limit",
}

_ROLLED_BACK = "was rolled back automatically"


@limited_to(2048)
def check_channel_url(value: str) -> None:
    """
    Raise ValueError unless *value* is a URL.

    Whether a service supports the URL is checked only when the URL is used.
    """
    if not _URL.fullmatch(value):
        raise ValueError("must be a URL such as slack://…, mailtos://… or https://…")
    if is_webhook(value):
        _check_webhook(value)


def scheme_of(url: str) -> str:
    """Return the scheme of a URL, which is not secret."""
    return url.partition("://")[0]


def is_webhook(url: str) -> bool:
    """Return True if notifications to *url* are sent as signed HTTP requests."""
    return scheme_of(url) in _WEBHOOK_SCHEMES


def mask_host(sentence: str, *, url: str) -> str:
    """Return *sentence* with the host name of *url* masked."""
    host = urlsplit(url).hostname
    return sentence.replace(host, REDACTED) if host else sentence


def _check_webhook(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_placed = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_placed = False
    if not is_placed or "@" in parts.netloc:
        raise ValueError("must contain a host, but no user name or password")


def _check_events(events: Collection[NotificationTrigger]) -> None:
    if not events or len(set(events)) < len(events):
        raise ValueError("must list at least one event, without duplicates")


@frozen(kw_only=True)
class NewNotificationChannel:
    """The input for adding a channel."""

    project_id: ProjectId
    """Id of the project."""
    url: str = field(validator=validated_by(check_channel_url), repr=False)
    """
    URL of a webhook, or an Apprise URL such as "slack://…".

    It is stored encrypted and never returned.
    """
    events: tuple[NotificationTrigger, ...] = field(
        default=tuple(NotificationTrigger), validator=validated_by(_check_events)
    )
    """Events that are sent to the channel, at least one."""


ChannelId = NewType("ChannelId", UUID)


@frozen(kw_only=True)
class NotificationChannel:
    """A notification channel of a project, and the triggers it is enabled for."""

    id: ChannelId
    project_id: ProjectId
    service: str
    """The scheme of the URL, which identifies the service."""
    url: Encrypted
    """The URL, which contains passwords and tokens and is never displayed."""
    secret: Encrypted | None
    """The key that signs webhooks, or None for other services."""
    events: tuple[NotificationTrigger, ...]
    """The events that trigger a notification."""
    delivered_at: datetime | None = None
    """When the last notification was delivered, or None."""
    error: str | None = None
    """Why the last notification could not be delivered, or None."""
    created_at: datetime

    def is_enabled_for(self, trigger: NotificationTrigger) -> bool:
        """Return True if the channel is used for *trigger*."""
        return trigger in self.events

    def with_secret(self, secret: Encrypted) -> Self:
        """Return a copy of the channel with *secret*, the key that signs webhooks."""
        return evolve(self, secret=secret)

    def after_delivery(self, *, now: datetime) -> Self:
        """Return a copy of the channel that records a delivered notification."""
        return evolve(self, delivered_at=now, error=None)

    def after_failure(self, error: str) -> Self:
        """
        Return a copy of the channel that records a failed delivery.

        Args:
            error: The error message. It must not contain parts of the channel's URL.
        """
        return evolve(self, error=error)

    @staticmethod
    def context_of(id: ChannelId, field_name: str) -> str:
        """Return the encryption context of the "url" or "secret" of channel *id*."""
        return f"channels:{id}:{field_name}"


CHANNELS = EntityType[ChannelId, NotificationChannel](
    entity=NotificationChannel, noun="channel", table="channels"
)


class NotificationContent(Protocol):
    """The content of a notification."""

    @property
    def title(self) -> str:
        """Return the title, in one line."""
        ...

    @property
    def text(self) -> str:
        """Return the text for people."""
        ...

    @property
    def document(self) -> Mapping[str, object]:
        """Return the JSON body for webhooks."""
        ...


@frozen(kw_only=True)
class TestNotification:
    """The content of a test notification."""

    project: Project
    occurred_at: datetime

    @property
    def title(self) -> str:
        """Return the title, in one line."""
        return f"{self.project.name}: test notification"

    @property
    def text(self) -> str:
        """Return the text for people."""
        return f"Notifications about deployments of {self.project.name} are sent here."

    @property
    def document(self) -> Mapping[str, object]:
        """Return the JSON body for webhooks."""
        return {
            "type": "test",
            "timestamp": self.occurred_at.isoformat(),
            "data": {"project_id": str(self.project.id), "project": self.project.name},
        }


@frozen(kw_only=True)
class DeploymentNotification:
    """The content of a notification about a deployment."""

    trigger: NotificationTrigger
    project: Project
    deployment: Deployment
    url: str | None
    """The URL of the application, or None if it has no web process."""
    error: str | None
    """Why the deployment failed or crashed, at the time of the event."""
    occurred_at: datetime

    @property
    def title(self) -> str:
        """Return the title, in one line."""
        target = self.deployment.target
        subject = self.project.name if target == PRODUCTION else f"{self.project.name} ({target})"
        is_rolled_back = (
            self.trigger is NotificationTrigger.FAILURE and self.deployment.is_rolled_back
        )
        return f"{subject} {_ROLLED_BACK if is_rolled_back else _TITLES[self.trigger]}"

    @property
    def text(self) -> str:
        """Return the text for people."""
        if self.trigger is NotificationTrigger.SUCCESS:
            place = f"available at {self.url}" if self.url else "running without an address"
            return f"{self._source} is {place}"
        return (
            f"{self._source}: {(self.error or 'See its log for the reason.')[:_MAX_ERROR_LENGTH]}"
        )

    @property
    def _source(self) -> str:
        if self.project.image is not None and self.deployment.image is not None:
            return self.deployment.image
        sha, message = self.deployment.commit_sha, self.deployment.commit_message
        if sha is None and message is not None:  # An uploaded archive has a message but no commit.
            return message
        return f"{self.deployment.branch} at {(sha or 'no commit')[:12]}"

    @property
    def document(self) -> Mapping[str, object]:
        """Return the JSON body for webhooks."""
        return {
            "type": f"deployment.{self.trigger}",
            "timestamp": self.occurred_at.isoformat(),
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


@frozen(kw_only=True)
class VolumeNotification:
    """The content of a notification about a problem of a volume."""

    project: Project
    volume: str
    """The name of the volume."""
    alarm: VolumeAlarm
    error: str
    """What is wrong with the volume, and the remedy, as sentences."""
    occurred_at: datetime

    @property
    def title(self) -> str:
        """Return the title, in one line."""
        return f"{self.project.name}: {_VOLUME_TITLES[self.alarm].format(self.volume)}"

    @property
    def text(self) -> str:
        """Return the text for people."""
        return self.error[:_MAX_ERROR_LENGTH]

    @property
    def document(self) -> Mapping[str, object]:
        """Return the JSON body for webhooks."""
        return {
            "type": f"volume.{self.alarm}",
            "timestamp": self.occurred_at.isoformat(),
            "data": {
                "project_id": str(self.project.id),
                "project": self.project.name,
                "volume": self.volume,
                "error": self.error,
            },
        }


def signed_headers(id: UUID, body: bytes, secret: str, *, sent_at: datetime) -> dict[str, str]:
    """
    Return the HTTP headers that sign *body*, following the Standard Webhooks specification.

    Source: https://github.com/standard-webhooks/standard-webhooks

    Args:
        id: The unique id of the message.
        body: The request body.
        secret: The secret of the webhook, see `format_secret`.
        sent_at: The time of sending, which is part of the signature.
    """
    seconds = int(sent_at.timestamp())
    key = b64decode(secret.removeprefix(_SECRET_PREFIX))
    digest = hmac.digest(key, f"{id}.{seconds}.".encode() + body, "sha256")
    return {
        "Content-Type": "application/json",
        "webhook-id": str(id),
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }


def format_secret(random_bytes: bytes) -> str:
    """Return random bytes as a webhook secret in the format of Standard Webhooks."""
    return f"{_SECRET_PREFIX}{b64encode(random_bytes).decode()}"
