"""Projects: a repository, how it is built and run, and who owns it."""

import re
from collections.abc import Container
from datetime import datetime
from enum import StrEnum
from itertools import count
from typing import Any, NewType, Self
from uuid import UUID

from attrs import asdict, evolve, field, frozen

from pushpaka_core.domain.repository_names import check_branch, check_root_dir
from pushpaka_core.domain.repository_places import server_of
from pushpaka_core.domain.rules import UNCHANGED, Matching, OneLine, Unchanged, Within, rule
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.sources import WITHOUT_GIT
from pushpaka_core.domain.users import UserId

ProjectId = NewType("ProjectId", UUID)

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
SLUG_LENGTH = 40
_SHORTEST_STEM = SLUG_LENGTH - 10
"""What is left of a slug when its number is as long as it will ever be."""

_check_name = OneLine(100)
check_command = OneLine(4096)
check_framework = OneLine(64)
check_port = Within(1, 65535)
check_health_timeout = Within(1, 900)
check_replicas = Within(1, 100)
check_cpu_limit = Within(0.05, 256)
check_memory_limit = Within(16, 1_048_576)
check_health_path = Matching(
    r"/(?!/)[A-Za-z0-9._~/%?=&-]{0,255}",
    'must be a path as in "/health", of at most 256 characters',
)


def _check_token(value: str) -> None:
    if not re.fullmatch(r"[\x21-\x7e]{1,1024}", value):
        raise ValueError("must be 1 to 1024 printable ASCII characters without spaces")


def _check_repo_text(value: str) -> None:
    """Judge only what holds under every policy; the service asks the instance's own one."""
    if not 1 <= len(value) <= 2048:
        raise ValueError("must have 1 to 2048 characters")


class ProjectStatus(StrEnum):
    """What a project is, derived from its deployments."""

    INACTIVE = "inactive"
    BUILDING = "building"
    ACTIVE = "active"
    CRASHED = "crashed"
    FAILED = "failed"
    STOPPED = "stopped"


@frozen(kw_only=True)
class NewProject:
    """What somebody tells to create a project; what is left out is detected or has a default."""

    name: str = field(validator=rule(_check_name))
    repo_url: str = field(validator=rule(_check_repo_text))
    branch: str = field(default="main", validator=rule(check_branch))
    root_dir: str | None = field(default=None, validator=rule(check_root_dir))
    install_command: str | None = field(default=None, validator=rule(check_command))
    build_command: str | None = field(default=None, validator=rule(check_command))
    start_command: str | None = field(default=None, validator=rule(check_command))
    port: int | None = field(default=None, validator=rule(check_port))
    framework: str | None = field(default=None, validator=rule(check_framework))
    health_check_path: str | None = field(default=None, validator=rule(check_health_path))
    health_check_timeout: int | None = field(default=None, validator=rule(check_health_timeout))
    """Seconds from the start of a process to its first good answer."""
    replicas: int | None = field(default=None, validator=rule(check_replicas))
    cpu_limit: float | None = field(default=None, validator=rule(check_cpu_limit))
    """Cores."""
    memory_limit: int | None = field(default=None, validator=rule(check_memory_limit))
    """MiB."""
    auto_deploy: bool = True
    """Whether a push deploys."""
    git_token: str | None = field(default=None, validator=rule(_check_token), repr=False)


@frozen(kw_only=True)
class ProjectChanges:
    """
    Settings to change; what is UNCHANGED is untouched, None takes a choice back.

    For `converters.parse`: a field that is absent keeps its default; null is None
    where the type admits None, and refused elsewhere; `Unchanged` is a type of
    ours alone, that no value from outside has.
    """

    name: str | Unchanged = field(default=UNCHANGED, validator=rule(_check_name))
    repo_url: str | Unchanged = field(default=UNCHANGED, validator=rule(_check_repo_text))
    branch: str | Unchanged = field(default=UNCHANGED, validator=rule(check_branch))
    root_dir: str | Unchanged | None = field(default=UNCHANGED, validator=rule(check_root_dir))
    install_command: str | Unchanged | None = field(
        default=UNCHANGED, validator=rule(check_command)
    )
    build_command: str | Unchanged | None = field(default=UNCHANGED, validator=rule(check_command))
    start_command: str | Unchanged | None = field(default=UNCHANGED, validator=rule(check_command))
    port: int | Unchanged | None = field(default=UNCHANGED, validator=rule(check_port))
    framework: str | Unchanged | None = field(default=UNCHANGED, validator=rule(check_framework))
    health_check_path: str | Unchanged | None = field(
        default=UNCHANGED, validator=rule(check_health_path)
    )
    health_check_timeout: int | Unchanged | None = field(
        default=UNCHANGED, validator=rule(check_health_timeout)
    )
    replicas: int | Unchanged | None = field(default=UNCHANGED, validator=rule(check_replicas))
    cpu_limit: float | Unchanged | None = field(default=UNCHANGED, validator=rule(check_cpu_limit))
    memory_limit: int | Unchanged | None = field(
        default=UNCHANGED, validator=rule(check_memory_limit)
    )
    auto_deploy: bool | Unchanged = UNCHANGED
    git_token: str | Unchanged | None = field(
        default=UNCHANGED, validator=rule(_check_token), repr=False
    )

    @property
    def given(self) -> dict[str, Any]:
        """Return the settings that were said, by name."""
        return asdict(self, recurse=False, filter=lambda _, value: value is not UNCHANGED)


@frozen(kw_only=True)
class Project:
    """
    A repository that is deployed on this instance.

    A setting that is None is left to the repository: see `RunSettings`.
    """

    id: ProjectId
    user_id: UserId
    number: int
    """Counts the projects of this instance and is never used again: the offset of its own uid."""
    name: str
    slug: str
    repo_url: str
    branch: str = "main"
    root_dir: str | None = None
    install_command: str | None = None
    build_command: str | None = None
    start_command: str | None = None
    port: int | None = None
    framework: str | None = None
    health_check_path: str | None = None
    health_check_timeout: int | None = None
    replicas: int | None = None
    cpu_limit: float | None = None
    memory_limit: int | None = None
    auto_deploy: bool = True
    git_token: Encrypted | None = None
    next_sequence: int = 1
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    """Set while its instances and files are being removed; nobody sees it from then on."""
    version: int = field(default=1, eq=False)

    @property
    def has_repository(self) -> bool:
        """Tell whether there is something that a commit can be fetched from."""
        return self.repo_url != WITHOUT_GIT

    @property
    def secret_context(self) -> str:
        """Return what the ciphertext of its git token is bound to."""
        return self.context_of(self.id, self.repo_url)

    @property
    def earlier_context(self) -> str:
        """Return what such ciphertexts were bound to before their server belonged to it."""
        return f"projects:{self.id}"

    def handed_to(self, user_id: UserId, *, at: datetime) -> Self:
        """Return it with another owner, who is not given the token of the one before."""
        return evolve(self, user_id=user_id, git_token=None, updated_at=at)

    @staticmethod
    def context_of(id: ProjectId, repo_url: str) -> str:
        """Return what a git token is bound to: project *id*, and the one server that may see it."""
        return f"projects:{id}:{server_of(repo_url)}"


def slug_stem(name: str) -> str:
    """Return the beginning that every slug made from *name* has, whatever number it ends with."""
    return _slug(name)[:_SHORTEST_STEM].rstrip("-")


def slug_from(name: str, taken: Container[str]) -> str:
    """
    Make the part of an address that stands for a project.

    It is a DNS label without "--" (which parts a deployment's id from it), is not
    reserved, and is made unique by a number.
    """
    stem = _slug(name)
    candidates = (stem if n == 1 else _numbered(stem, n) for n in count(1))
    return next(s for s in candidates if s not in RESERVED_SLUGS and s not in taken)


def _slug(name: str) -> str:
    words = re.findall(r"[a-z0-9]+", name.lower())
    return "-".join(words)[:SLUG_LENGTH].strip("-") or "project"


def _numbered(stem: str, number: int) -> str:
    suffix = f"-{number}"
    return stem[: SLUG_LENGTH - len(suffix)].rstrip("-") + suffix
