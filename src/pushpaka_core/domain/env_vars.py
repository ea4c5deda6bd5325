"""Env vars: settings and secrets that an application gets, and that nobody gets back."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from attrs import field, frozen

from pushpaka_core.domain.deployments import PRODUCTION, DeploymentId
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.rules import rule
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import InvalidInputError

EnvVarId = NewType("EnvVarId", UUID)

MASK = "********"
LONGEST_VALUE = 128 * 1024 - 256
"""Bytes of a value that a program can be started with, beside its key."""

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_RESERVED = re.compile(
    r"PATH|HOME|SHELL|USER|PORT|HOST|TMPDIR|IFS|ENV|BASH_ENV|SHELLOPTS|BASHOPTS|PS4|PROMPT_COMMAND"
    r"|APP_URL|APP_COMMIT|APP_DEPLOYMENT|VIRTUAL_ENV|UV_PROJECT_ENVIRONMENT|UV_CACHE_DIR"
    r"|(?:LD_|DYLD_|GIT_|SSH_|DOCKER_|BUILDKIT_|PUSHPAKA_|BASH_FUNC_).*",
    re.IGNORECASE,
)


class EnvScope(StrEnum):
    """Which deployments see an env var."""

    ALL = "all"
    PRODUCTION = "production"
    PREVIEW = "preview"

    @classmethod
    def of_target(cls, target: str) -> "EnvScope":
        """Return the scope whose env vars *target* sees beside those for all."""
        return cls.PRODUCTION if target == PRODUCTION else cls.PREVIEW


def check_key(value: str) -> None:
    """Accept what a shell calls a name, but none that the platform or a loader gives a meaning."""
    if not _KEY.fullmatch(value):
        raise ValueError(
            "must be letters, digits and underscores, not begin with a digit, "
            "and have 1 to 128 characters"
        )
    if _RESERVED.fullmatch(value):
        raise ValueError(f"must not be {value}: the platform sets or protects this name")


def check_value(value: str) -> None:
    """Accept any text that an environment can carry."""
    if "\0" in value:
        raise ValueError("must not contain NUL")
    if len(value.encode(errors="surrogatepass")) > LONGEST_VALUE:
        raise ValueError(f"must have at most {LONGEST_VALUE} bytes")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must be valid Unicode text")


@frozen(kw_only=True)
class NewEnvVar:
    """An env var to set."""

    project_id: ProjectId
    key: str = field(validator=rule(check_key))
    value: str = field(validator=rule(check_value), repr=False)
    scope: EnvScope = EnvScope.ALL


@frozen(kw_only=True)
class EnvVarName:
    """An env var to delete."""

    project_id: ProjectId
    key: str
    scope: EnvScope | None = None
    """None deletes it in every scope."""


@frozen(kw_only=True)
class EnvVar:
    """An env var as it is kept."""

    id: EnvVarId
    project_id: ProjectId
    key: str
    scope: EnvScope
    secret: Encrypted
    version: int = 1
    """Counts the values that it has had."""
    created_at: datetime
    updated_at: datetime

    @property
    def secret_context(self) -> str:
        """Return what its ciphertext is bound to."""
        return self.context_of(self.id)

    @staticmethod
    def context_of(id: EnvVarId) -> str:
        """Return what the ciphertext of env var *id* is bound to."""
        return f"env_vars:{id}"


@frozen(kw_only=True)
class Environment:
    """The env vars of one deployment as it was made with them: a rollback brings them back."""

    deployment_id: DeploymentId
    secret: Encrypted
    """A JSON object of values by key."""
    versions: Mapping[str, str]
    """What each key was, without its value: see `versions_of`."""

    @property
    def secret_context(self) -> str:
        """Return what its ciphertext is bound to."""
        return self.context_of(self.deployment_id)

    @staticmethod
    def context_of(deployment_id: DeploymentId) -> str:
        """Return what the ciphertext of a deployment's environment is bound to."""
        return f"environments:{deployment_id}"


def effective(env_vars: Iterable[EnvVar], target: str) -> tuple[EnvVar, ...]:
    """Return the env vars that *target* sees, by key; one of its own scope beats one for all."""
    scope = EnvScope.of_target(target)
    seen = [env_var for env_var in env_vars if env_var.scope in (EnvScope.ALL, scope)]
    by_key = {e.key: e for e in sorted(seen, key=lambda e: e.scope is not EnvScope.ALL)}
    return tuple(by_key[key] for key in sorted(by_key))


def versions_of(env_vars: Iterable[EnvVar]) -> dict[str, str]:
    """Return a mark for each key: it changes when the value is set anew, and tells nothing."""
    return {env_var.key: f"{env_var.id}:{env_var.version}" for env_var in env_vars}


@frozen(kw_only=True)
class EnvQuota:
    """How many env vars a project may have, and how large they may be."""

    number: int = 100
    value_bytes: int = 64 * 1024
    total_bytes: int = 256 * 1024
    """Of all keys and values."""

    def check_value(self, key: str, value: str) -> None:
        """Refuse a value that is too long; InvalidInputError."""
        if len(value.encode()) > self.value_bytes:
            problem = f"must have at most {self.value_bytes} bytes; that of {key} has more"
            raise InvalidInputError({"value": problem})

    def check_total(self, env_vars: Iterable[tuple[str, str]]) -> None:
        """
        Refuse more keys with their values than one project may have.

        Raises:
            InvalidInputError: That names what there is too much of.
        """
        sizes = [len(key) + len(value.encode()) for key, value in env_vars]
        if len(sizes) > self.number:
            raise InvalidInputError({"key": f"must be one of at most {self.number} of a project"})
        if sum(sizes) > self.total_bytes:
            problem = f"must leave all of the project's env vars at most {self.total_bytes} bytes"
            raise InvalidInputError({"value": problem})
