"""Environment variables of projects, and the environments of deployments."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from attrs import field, frozen

from pushpaka_core.domain.ids import DeploymentId, EnvVarId, ProjectId
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.validation import check_characters, limited_to, validated_by
from pushpaka_core.errors import InvalidInputError

MASK = "********"
"""The text that is displayed in place of a value."""
MAX_VALUE_BYTES = 128 * 1024 - 256
"""The maximum size of a value in bytes: Linux limits "key=value" to 128 KiB."""

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = re.compile(
    r"PATH|HOME|SHELL|USER|PORT|HOST|TMPDIR|IFS|ENV|BASH_ENV|SHELLOPTS|BASHOPTS|PS4|PROMPT_COMMAND"
    r"|APP_URL|APP_COMMIT|APP_DEPLOYMENT|VIRTUAL_ENV|UV_PROJECT_ENVIRONMENT|UV_CACHE_DIR"
    r"|(?:LD_|DYLD_|GIT_|SSH_|DOCKER_|BUILDKIT_|PUSHPAKA_|BASH_FUNC_).*",
    re.IGNORECASE,
)


class EnvScope(StrEnum):
    """The deployments that an environment variable applies to."""

    ALL = "all"
    """Production and previews."""
    PRODUCTION = "production"
    """Production only. Takes precedence over `all`."""
    PREVIEW = "preview"
    """Previews only. Takes precedence over `all`."""

    @classmethod
    def of_target(cls, target: str) -> "EnvScope":
        """Return the scope that applies to *target* in addition to ALL."""
        return cls.PRODUCTION if target == PRODUCTION else cls.PREVIEW


@limited_to(128)
def check_key(value: str) -> None:
    """
    Raise ValueError unless *value* is a valid name that is not reserved.

    Names that the platform sets, or that change how a loader or a shell works, are reserved.
    """
    if not _KEY.fullmatch(value):
        raise ValueError(
            "must consist of letters, digits and underscores, and not start with a digit"
        )
    if _RESERVED.fullmatch(value):
        raise ValueError(
            "is reserved: Pushpaka sets or protects this variable. Choose another name"
        )


@limited_to(MAX_VALUE_BYTES)
def check_value(value: str) -> None:
    """Raise ValueError unless *value* can be part of a process environment."""
    check_characters(value)
    if len(value.encode()) > MAX_VALUE_BYTES:
        raise ValueError(f"can be at most {MAX_VALUE_BYTES} bytes")


@frozen(kw_only=True)
class NewEnvVar:
    """The input for setting an environment variable."""

    project_id: ProjectId
    """Id of the project."""
    key: str = field(validator=validated_by(check_key))
    """
    Name: letters, digits and underscores, not starting with a digit.

    Names that the platform sets, such as PORT, are rejected.
    """
    value: str = field(validator=validated_by(check_value), repr=False)
    """
    Value, by default at most 65,536 bytes in UTF-8.

    It is stored encrypted and never returned.
    """
    scope: EnvScope = EnvScope.ALL
    """Deployments that the variable applies to."""


@frozen(kw_only=True)
class EnvVarDeletion:
    """The input for deleting an environment variable."""

    project_id: ProjectId
    """Id of the project."""
    key: str
    """Name of the variable."""
    scope: EnvScope | None = None
    """Scope to delete the variable from. Defaults to all scopes."""


@frozen(kw_only=True)
class EnvVar:
    """An environment variable of a project, with its encrypted value."""

    id: EnvVarId
    project_id: ProjectId
    key: str
    scope: EnvScope
    secret: Encrypted
    version: int = 1
    """The number of times that the value has been set."""
    created_at: datetime
    updated_at: datetime

    @property
    def secret_context(self) -> str:
        """Return the encryption context, which binds the encrypted value to this variable."""
        return self.context_of(self.id)

    @staticmethod
    def context_of(id: EnvVarId) -> str:
        """Return the encryption context of the environment variable *id*."""
        return f"env_vars:{id}"


@frozen(kw_only=True)
class Environment:
    """
    The environment variables of one deployment at the time of its creation.

    A rollback to the deployment restores them.
    """

    deployment_id: DeploymentId
    secret: Encrypted
    """The encrypted values, as a JSON object by key."""
    versions: Mapping[str, str]
    """A version string for each variable, by key. It changes whenever the value is set."""

    @property
    def secret_context(self) -> str:
        """Return the encryption context, which binds the encrypted values to this deployment."""
        return self.context_of(self.deployment_id)

    @staticmethod
    def context_of(deployment_id: DeploymentId) -> str:
        """Return the encryption context of a deployment's environment."""
        return f"environments:{deployment_id}"


def effective_env_vars(env_vars: Iterable[EnvVar], target: str) -> tuple[EnvVar, ...]:
    """
    Return the environment variables that apply to *target*, ordered by key.

    A variable with the scope of the target takes precedence over one with the scope `all`.
    """
    scope = EnvScope.of_target(target)
    seen = [env_var for env_var in env_vars if env_var.scope in (EnvScope.ALL, scope)]
    by_key = {e.key: e for e in sorted(seen, key=lambda e: e.scope is not EnvScope.ALL)}
    return tuple(by_key[key] for key in sorted(by_key))


def versions_of(env_vars: Iterable[EnvVar]) -> dict[str, str]:
    """
    Return a version string for each key.

    The version changes whenever the value is set, and does not reveal the value.
    """
    return {env_var.key: f"{env_var.id}:{env_var.version}" for env_var in env_vars}


@frozen(kw_only=True)
class EnvQuota:
    """Limits on the environment variables of a project."""

    count: int = 100
    """The maximum number of environment variables."""
    value_bytes: int = 64 * 1024
    """The maximum size of one value, in bytes."""
    total_bytes: int = 256 * 1024
    """The maximum size of all keys and values together, in bytes."""

    def require_value(self, key: str, value: str) -> None:
        """Raise InvalidInputError if *value* is too large."""
        size = len(value.encode())
        if size > self.value_bytes:
            problem = f"can be at most {self.value_bytes} bytes, but {key} is {size} bytes"
            raise InvalidInputError({"value": problem})

    def require_total(self, env_vars: Iterable[tuple[str, str]]) -> None:
        """
        Raise InvalidInputError if there are too many variables or they are too large in total.

        Args:
            env_vars: Keys and values of all environment variables of the project.
        """
        sizes = [len(key) + len(value.encode()) for key, value in env_vars]
        if len(sizes) > self.count:
            problem = f"cannot be added: a project can have at most {self.count} variables"
            raise InvalidInputError({"key": problem})
        if sum(sizes) > self.total_bytes:
            problem = (
                "is too large: a project's environment variables can be at most "
                f"{self.total_bytes} bytes in total"
            )
            raise InvalidInputError({"value": problem})
