"""Projects, which consist of a repository with its build and run settings, and an owner."""

import re
from collections.abc import Container
from datetime import datetime
from enum import StrEnum
from itertools import count
from typing import Any, Self

from attrs import asdict, evolve, field, frozen

from pushpaka_core.domain.ids import ProjectId, UserId
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.projects.images import ImageReference
from pushpaka_core.domain.projects.repository_urls import (
    check_branch,
    check_root_dir,
    repository_server,
)
from pushpaka_core.domain.projects.sources import ARCHIVE_URL, image_of
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.validation import (
    UNCHANGED,
    InRange,
    Length,
    Matches,
    SingleLine,
    Unchanged,
    validated_by,
)

RESERVED_SLUGS = frozenset(
    {
        "admin",
        "api",
        "app",
        "assets",
        "auth",
        "dashboard",
        "docs",
        "internal",
        "localhost",
        "mail",
        "metrics",
        "pushpaka",
        "router",
        "static",
        "status",
        "traefik",
        "webhooks",
        "www",
    }
)
"""
Slugs that projects cannot have because the platform uses these host names or may use them later.
"""
SOURCE_SECRETS = ("git_token", "registry_credentials")
"""The secret settings of a project that give access to its repository or image."""
MAX_SLUG_LENGTH = 40
"""The maximum length of a slug."""
_MIN_STEM_LENGTH = MAX_SLUG_LENGTH - 10
"""The minimum length of the part before the number that makes a slug unique."""

_check_name = SingleLine(100)
check_command = SingleLine(4096)
check_framework = SingleLine(64)
check_port = InRange(1, 65535)
check_health_timeout = InRange(1, 900)
check_rollback_window = InRange(0, 600)
check_replicas = InRange(1, 100)
check_cpu_limit = InRange(0.05, 256)
check_memory_limit = InRange(16, 1_048_576)
check_health_path = Matches(
    r"/(?!/)[A-Za-z0-9._~/%?=&-]{0,255}",
    'must be a path such as "/health" with at most 256 characters',
)
_check_token = Matches(
    r"[\x21-\x7e]{1,1024}", "must be 1 to 1024 printable ASCII characters without spaces"
)
_check_registry_credentials = Matches(
    r"[\x21-\x39\x3b-\x7e]{1,255}:[\x21-\x7e]{1,8192}",
    'must be "USER:PASSWORD" in printable ASCII characters without spaces',
)
_check_repo_text = Length(1, 2048)
"""
Requires text of at most the maximum length. Whether the source policy allows the URL is checked
later, by a service.
"""


class ProjectStatus(StrEnum):
    """The status of a project, derived from its deployments."""

    INACTIVE = "inactive"
    """Never deployed."""
    BUILDING = "building"
    """A deployment is queued or in progress, and none is live."""
    ACTIVE = "active"
    """A deployment is live."""
    CRASHED = "crashed"
    """The live deployment keeps crashing."""
    FAILED = "failed"
    """The last deployment failed, and none is live."""
    STOPPED = "stopped"
    """A user stopped the project."""


@frozen(kw_only=True)
class NewProject:
    """
    The input for creating a project.

    Settings that are omitted are detected or have a default.
    """

    name: str = field(validator=validated_by(_check_name))
    """Name, unique among your projects, of 1 to 100 characters in one line."""
    repo_url: str = field(validator=validated_by(_check_repo_text))
    """
    URL of the Git repository, for example "https://github.com/acme/shop".

    "archive:" if only archives are deployed. "image:" and the name of an image, for example
    "image:ghcr.io/acme/shop:1.4", if images from a registry are deployed.
    """
    branch: str = field(default="main", validator=validated_by(check_branch))
    """Branch that is deployed to production."""
    root_dir: str | None = field(default=None, validator=validated_by(check_root_dir))
    """
    Directory of the application in the repository, for example "apps/web".

    Defaults to the repository root.
    """
    install_command: str | None = field(default=None, validator=validated_by(check_command))
    """Command that installs the dependencies. Defaults to the detected one."""
    build_command: str | None = field(default=None, validator=validated_by(check_command))
    """Command that builds the application. Defaults to the detected one."""
    start_command: str | None = field(default=None, validator=validated_by(check_command))
    """Command that starts the web process. Defaults to the detected one."""
    port: int | None = field(default=None, validator=validated_by(check_port))
    """
    Port that the application listens on in a container, passed to it as PORT.

    Defaults to the value in pushpaka.toml, or else to 3000. The process runtime chooses a port
    itself.
    """
    framework: str | None = field(default=None, validator=validated_by(check_framework))
    """Framework, for example "fastapi". "auto" or no value detects it."""
    health_check: HealthCheck | None = None
    """Kind of health check. Defaults to the value in pushpaka.toml, or else to "http"."""
    health_check_path: str | None = field(default=None, validator=validated_by(check_health_path))
    """
    Path that must respond with 2xx or 3xx, at most 256 characters long.

    Without a path, `/` must respond with a status below 500.
    """
    health_check_timeout: int | None = field(
        default=None, validator=validated_by(check_health_timeout)
    )
    """
    Time in seconds from the start of a process to its first successful health check.

    Defaults to the value in pushpaka.toml, or else to 60.
    """
    rollback_window: int | None = field(default=None, validator=validated_by(check_rollback_window))
    """
    Time in seconds after a cutover during which a release that breaks is rolled back.

    0 turns this off. Defaults to the value in pushpaka.toml, or else to 30.
    """
    replicas: int | None = field(default=None, validator=validated_by(check_replicas))
    """
    Number of instances of the web process.

    Defaults to the value in pushpaka.toml, or else to 1.
    """
    cpu_limit: float | None = field(default=None, validator=validated_by(check_cpu_limit))
    """
    Number of CPU cores that one instance can use.

    Defaults to the value in pushpaka.toml, or else to no limit.
    """
    memory_limit: int | None = field(default=None, validator=validated_by(check_memory_limit))
    """
    Memory in MiB that one instance can use.

    Defaults to the value in pushpaka.toml, or else to no limit.
    """
    auto_deploy: bool = True
    """Whether a push to the repository deploys the project."""
    git_token: str | None = field(default=None, validator=validated_by(_check_token), repr=False)
    """
    Token for a private repository over HTTPS:

    1 to 1024 printable ASCII characters without spaces. It is stored encrypted and never returned.
    """
    registry_credentials: str | None = field(
        default=None, validator=validated_by(_check_registry_credentials), repr=False
    )
    """
    User name and password or token for the registry of a private image, as "USER:PASSWORD".

    They are stored encrypted and never returned.
    """


@frozen(kw_only=True)
class ProjectChanges:
    """
    The input for changing a project.

    UNCHANGED keeps a setting, and None resets it. `converters.parse` sets missing fields to
    UNCHANGED. It accepts null only if the type allows None. Users cannot send a value of the type
    `Unchanged`.
    """

    name: str | Unchanged = field(default=UNCHANGED, validator=validated_by(_check_name))
    repo_url: str | Unchanged = field(default=UNCHANGED, validator=validated_by(_check_repo_text))
    branch: str | Unchanged = field(default=UNCHANGED, validator=validated_by(check_branch))
    root_dir: str | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_root_dir)
    )
    install_command: str | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_command)
    )
    build_command: str | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_command)
    )
    start_command: str | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_command)
    )
    port: int | Unchanged | None = field(default=UNCHANGED, validator=validated_by(check_port))
    framework: str | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_framework)
    )
    health_check: HealthCheck | Unchanged | None = UNCHANGED
    health_check_path: str | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_health_path)
    )
    health_check_timeout: int | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_health_timeout)
    )
    rollback_window: int | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_rollback_window)
    )
    replicas: int | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_replicas)
    )
    cpu_limit: float | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_cpu_limit)
    )
    memory_limit: int | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(check_memory_limit)
    )
    auto_deploy: bool | Unchanged = UNCHANGED
    git_token: str | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(_check_token), repr=False
    )
    registry_credentials: str | Unchanged | None = field(
        default=UNCHANGED, validator=validated_by(_check_registry_credentials), repr=False
    )

    @property
    def changed_settings(self) -> dict[str, Any]:
        """Return the settings that are not UNCHANGED, by name."""
        return asdict(self, recurse=False, filter=lambda _, value: value is not UNCHANGED)


@frozen(kw_only=True)
class Project:
    """
    A project of this instance.

    A setting that is None is taken from the repository, or has a default: see `RunSettings`.
    """

    id: ProjectId
    user_id: UserId
    """The owner."""
    number: int
    """A number that is never reused. It determines the project's user id on the host."""
    name: str
    slug: str
    """The part of the host name that identifies the project."""
    repo_url: str
    branch: str = "main"
    root_dir: str | None = None
    install_command: str | None = None
    build_command: str | None = None
    start_command: str | None = None
    port: int | None = None
    framework: str | None = None
    health_check: HealthCheck | None = None
    health_check_path: str | None = None
    health_check_timeout: int | None = None
    rollback_window: int | None = None
    replicas: int | None = None
    cpu_limit: float | None = None
    memory_limit: int | None = None
    auto_deploy: bool = True
    git_token: Encrypted | None = None
    registry_credentials: Encrypted | None = None
    next_sequence: int = 1
    """The sequence number of the next deployment."""
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    """Set while instances and files are being removed. Users can no longer view the project."""
    version: int = field(default=1, eq=False)
    """The version for optimistic locking."""

    @property
    def image(self) -> ImageReference | None:
        """Return the image that the project deploys, or None if it deploys source code."""
        return image_of(self.repo_url)

    @property
    def has_repository(self) -> bool:
        """Return True if the project has a Git repository, and not only archives or images."""
        return self.repo_url != ARCHIVE_URL and self.image is None

    @property
    def secret_context(self) -> str:
        """Return the encryption context, which binds the encrypted Git token to this project."""
        return self.context_of(self.id, self.repo_url)

    @property
    def registry_context(self) -> str:
        """
        Return the encryption context, which binds the encrypted registry credentials to this
        project.
        """
        return self.context_of(self.id, self.repo_url, "registry_credentials")

    def with_owner(self, user_id: UserId, *, now: datetime) -> Self:
        """Return a copy with another owner and without the secrets of the previous owner."""
        return evolve(
            self, user_id=user_id, git_token=None, registry_credentials=None, updated_at=now
        )

    @staticmethod
    def context_of(id: ProjectId, repo_url: str, name: str = "git_token") -> str:
        """
        Return the encryption context of *name*, one of the `SOURCE_SECRETS`.

        The context includes the server of the repository or image, so that a secret is never sent
        to another server.
        """
        return f"projects:{id}:{repository_server(repo_url)}:{name}"


def slug_stem(name: str) -> str:
    """Return the prefix that all slugs for *name* share, without the number at the end."""
    return _slug(name)[:_MIN_STEM_LENGTH].rstrip("-")


def slug_from(name: str, taken_slugs: Container[str]) -> str:
    """
    Return a unique slug for a project.

    A slug is a DNS label without "--", which separates the slug from a deployment's id in host
    names. A number is appended if the slug is reserved or in *taken_slugs*.
    """
    stem = _slug(name)
    candidates = (stem if n == 1 else _numbered_slug(stem, n) for n in count(1))
    return next(s for s in candidates if s not in RESERVED_SLUGS and s not in taken_slugs)


def _slug(name: str) -> str:
    words = re.findall(r"[a-z0-9]+", name.lower())
    return "-".join(words)[:MAX_SLUG_LENGTH].strip("-") or "project"


def _numbered_slug(stem: str, number: int) -> str:
    suffix = f"-{number}"
    return stem[: MAX_SLUG_LENGTH - len(suffix)].rstrip("-") + suffix
