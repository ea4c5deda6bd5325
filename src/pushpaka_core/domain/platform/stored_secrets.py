"""All kinds of encrypted secrets and where they are stored, for key rotation."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from operator import attrgetter
from typing import Any
from uuid import UUID

from attrs import field, frozen

from pushpaka_core.domain.integrations.notifications import NotificationChannel
from pushpaka_core.domain.integrations.webhooks import Webhook
from pushpaka_core.domain.projects.deploy_keys import DeployKey
from pushpaka_core.domain.projects.env_vars import Environment, EnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.volumes.volumes import Volume


class SecretKind(StrEnum):
    """The kind of a secret, as displayed to users."""

    GIT_ACCESS = "Git token"
    REGISTRY_ACCESS = "registry credentials"
    ENV_VAR = "environment variable"
    ENVIRONMENT = "environment"
    DEPLOY_KEY = "deploy key"
    WEBHOOK = "webhook secret"
    CHANNEL_URL = "notification URL"
    CHANNEL_SIGNING = "notification secret"
    DATABASE_PASSWORD = "database password"  # noqa: S105 - a kind, not a password


@frozen(kw_only=True)
class SecretLocation:
    """The location where secrets of one kind are stored."""

    entity: type[Any]
    """The class of the entity that the secret belongs to."""
    key: str
    """The name of the field that identifies the entity."""
    name: str
    """The name of the field with the encrypted secret, which can be None."""
    context: Callable[[Any], str] = attrgetter("secret_context")
    """A function that returns the encryption context of an entity's secret."""


SECRET_LOCATIONS: Mapping[SecretKind, SecretLocation] = {
    SecretKind.GIT_ACCESS: SecretLocation(entity=Project, key="id", name="git_token"),
    SecretKind.REGISTRY_ACCESS: SecretLocation(
        entity=Project,
        key="id",
        name="registry_credentials",
        context=attrgetter("registry_context"),
    ),
    SecretKind.ENV_VAR: SecretLocation(entity=EnvVar, key="id", name="secret"),
    SecretKind.ENVIRONMENT: SecretLocation(entity=Environment, key="deployment_id", name="secret"),
    SecretKind.DEPLOY_KEY: SecretLocation(entity=DeployKey, key="project_id", name="private_key"),
    SecretKind.WEBHOOK: SecretLocation(entity=Webhook, key="id", name="secret"),
    SecretKind.CHANNEL_URL: SecretLocation(
        entity=NotificationChannel,
        key="id",
        name="url",
        context=lambda channel: NotificationChannel.context_of(channel.id, "url"),
    ),
    SecretKind.CHANNEL_SIGNING: SecretLocation(
        entity=NotificationChannel,
        key="id",
        name="secret",
        context=lambda channel: NotificationChannel.context_of(channel.id, "secret"),
    ),
    SecretKind.DATABASE_PASSWORD: SecretLocation(entity=Volume, key="id", name="server_password"),
}
"""The location of the secrets of each kind."""


@frozen(kw_only=True)
class StoredSecret:
    """An encrypted secret and its location."""

    kind: SecretKind
    id: UUID
    """The id of the entity that the secret belongs to."""
    encrypted: Encrypted = field(repr=False)
    context: str
    """The encryption context, which binds the ciphertext to the entity."""

    @classmethod
    def of(cls, kind: SecretKind, owner: Any) -> "StoredSecret | None":
        """Return the secret of *owner*, or None if *owner* has no secret."""
        place = SECRET_LOCATIONS[kind]
        encrypted = getattr(owner, place.name)
        if encrypted is None:
            return None
        return cls(
            kind=kind,
            id=getattr(owner, place.key),
            encrypted=encrypted,
            context=place.context(owner),
        )
