"""Every kind of secret that is kept, with what binds it to its place: for who exchanges keys."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import Any
from uuid import UUID

from attrs import field, frozen

from pushpaka_core.domain.deploy_keys import DeployKey
from pushpaka_core.domain.env_vars import Environment, EnvVar
from pushpaka_core.domain.notifications import Channel
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.webhooks import Webhook


class SecretKind(StrEnum):
    """What a secret is of, in words for its owner."""

    GIT_ACCESS = "git token"
    ENV_VAR = "env var"
    ENVIRONMENT = "environment"
    DEPLOY_KEY = "deploy key"
    WEBHOOK = "webhook secret"
    CHANNEL_URL = "notification address"
    CHANNEL_SIGNING = "notification secret"


@frozen(kw_only=True)
class SecretPlace:
    """Where secrets of one kind are kept."""

    owner: type[Any]
    """What has such a secret."""
    key: str
    """The field by which that is found."""
    name: str
    """The field that holds the secret, or None."""
    context: Callable[[Any], str] = attrgetter("secret_context")
    """Returns what the ciphertext of an owner's secret is bound to."""
    earlier: Callable[[Any], Sequence[str]] = lambda _: ()
    """Returns what it may be bound to as well, as that was done in other ways before."""


PLACES: Mapping[SecretKind, SecretPlace] = {
    SecretKind.GIT_ACCESS: SecretPlace(
        owner=Project,
        key="id",
        name="git_token",
        earlier=lambda project: (project.earlier_context,),
    ),
    SecretKind.ENV_VAR: SecretPlace(owner=EnvVar, key="id", name="secret"),
    SecretKind.ENVIRONMENT: SecretPlace(owner=Environment, key="deployment_id", name="secret"),
    SecretKind.DEPLOY_KEY: SecretPlace(owner=DeployKey, key="project_id", name="private_key"),
    SecretKind.WEBHOOK: SecretPlace(owner=Webhook, key="id", name="secret"),
    SecretKind.CHANNEL_URL: SecretPlace(
        owner=Channel,
        key="id",
        name="url",
        context=lambda channel: Channel.context_of(channel.id, "url"),
    ),
    SecretKind.CHANNEL_SIGNING: SecretPlace(
        owner=Channel,
        key="id",
        name="secret",
        context=lambda channel: Channel.context_of(channel.id, "secret"),
    ),
}


@frozen(kw_only=True)
class StoredSecret:
    """A secret as it is kept, and where."""

    kind: SecretKind
    id: UUID
    """Of its owner."""
    encrypted: Encrypted = field(repr=False)
    context: str
    earlier_contexts: Sequence[str]

    @classmethod
    def of(cls, kind: SecretKind, owner: Any) -> "StoredSecret | None":
        """Return the secret that *owner* has, or None."""
        place = PLACES[kind]
        encrypted = getattr(owner, place.name)
        if encrypted is None:
            return None
        return cls(
            kind=kind,
            id=getattr(owner, place.key),
            encrypted=encrypted,
            context=place.context(owner),
            earlier_contexts=place.earlier(owner),
        )
