"""The table of pushpaka.toml keys, which drives the parser, the JSON Schema and the docs."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from attrs import frozen

from pushpaka_core.domain.pipeline.frameworks import canonical_framework
from pushpaka_core.domain.projects.env_vars import check_key
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.projects.projects import (
    check_command,
    check_cpu_limit,
    check_framework,
    check_health_path,
    check_health_timeout,
    check_memory_limit,
    check_port,
    check_replicas,
    check_rollback_window,
)
from pushpaka_core.domain.projects.repository_urls import check_root_dir
from pushpaka_core.domain.validation import Matches, OneOf, SingleLine
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.paths import check_mount_path
from pushpaka_core.domain.volumes.volumes import (
    PreviewVolume,
    check_size_limit,
    check_snapshot_every,
    check_snapshot_keep,
    check_volume_name,
)

MAX_ITEMS = 100
"""The maximum number of items in a list, or of entries in a table with free names."""


class Kind(StrEnum):
    """The type of a value, named as in the documentation."""

    STRING = "string"
    INTEGER = "whole number"
    NUMBER = "number"
    STRINGS = "list of strings"
    COMMANDS = "string or list of strings"
    PROCESSES = "table of strings"


@frozen(kw_only=True)
class Key:
    """One key of pushpaka.toml, with its type and validation."""

    path: str
    """The dotted path, for example "commands.start". "*" is the name of an entry."""
    kind: Kind
    check: Callable[[Any], None]
    """
    A function that checks the value, or each item of a list or table. It raises ValueError with a
    clause such as "must be a number".
    """
    description: str


def _check_optional_command(value: str) -> None:
    """
    Raise ValueError unless *value* is a valid command, or an empty string,
    which disables the step.
    """
    if value:
        check_command(value)


def _check_known_framework(value: str) -> None:
    check_framework(value)
    canonical_framework(value)


def _check_pattern(value: str) -> None:
    SingleLine(255)(value)
    if value.startswith("/") or ".." in value.split("/"):
        raise ValueError("must be relative to the repository and stay in it, for example src/**")


def _check_context(value: str) -> None:
    """
    Raise ValueError unless *value* is a relative path.

    It may lead above the application. The build checks that it stays in the repository.
    """
    SingleLine(255)(value)
    if value.startswith(("/", "~", "-")):
        raise ValueError("must be relative to the application, for example ../..")


_check_stage = Matches(
    r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", "must be the name of a stage, for example `release`"
)

KEYS = (
    Key(
        path="framework",
        kind=Kind.STRING,
        check=_check_known_framework,
        description='Framework of the application, for example "fastapi". "auto" detects it.',
    ),
    Key(
        path="port",
        kind=Kind.INTEGER,
        check=check_port,
        description="Port that the web process listens on in a container. `PORT` is set to it.",
    ),
    Key(
        path="replicas",
        kind=Kind.INTEGER,
        check=check_replicas,
        description="Number of instances of the web process.",
    ),
    Key(
        path="rollback_window",
        kind=Kind.INTEGER,
        check=check_rollback_window,
        description=(
            "Seconds after traffic switches during which a version that crashes or fails its "
            "health checks is rolled back. Default: 30. 0 turns automatic rollback off."
        ),
    ),
    Key(
        path="watch_paths",
        kind=Kind.STRINGS,
        check=_check_pattern,
        description=(
            'Patterns for files that trigger a deployment, for example "src/**". A push that '
            "changes no matching file is not deployed."
        ),
    ),
    Key(
        path="commands.install",
        kind=Kind.STRING,
        check=_check_optional_command,
        description="Command that installs the dependencies. An empty string installs nothing.",
    ),
    Key(
        path="commands.build",
        kind=Kind.COMMANDS,
        check=_check_optional_command,
        description="Build commands, run in order. An empty string builds nothing.",
    ),
    Key(
        path="commands.start",
        kind=Kind.STRING,
        check=check_command,
        description="Command that starts the web process, which must listen on `PORT`.",
    ),
    Key(
        path="commands.release",
        kind=Kind.STRING,
        check=check_command,
        description="Command that runs before traffic switches, for example database migrations.",
    ),
    Key(
        path="processes",
        kind=Kind.PROCESSES,
        check=check_command,
        description='Commands of other processes by name, for example `worker = "celery -A shop"`.',
    ),
    Key(
        path="docker.file",
        kind=Kind.STRING,
        check=check_root_dir,
        description="Path to the Dockerfile. Only runtimes that build images use it.",
    ),
    Key(
        path="docker.target",
        kind=Kind.STRING,
        check=_check_stage,
        description="Stage of the Dockerfile to build. Default: the last stage.",
    ),
    Key(
        path="docker.context",
        kind=Kind.STRING,
        check=_check_context,
        description="Build context, for example `../..`. Default: the directory of the "
        "application.",
    ),
    Key(
        path="health_check.type",
        kind=Kind.STRING,
        check=OneOf(HealthCheck),
        description=(
            '"http" expects an HTTP response, "tcp" an open port, "none" a process that stays'
            ' alive. Default: "http".'
        ),
    ),
    Key(
        path="health_check.path",
        kind=Kind.STRING,
        check=check_health_path,
        description="URL path that responds with 2xx or 3xx when the application is healthy.",
    ),
    Key(
        path="health_check.timeout",
        kind=Kind.INTEGER,
        check=check_health_timeout,
        description="Seconds within which a process must pass its first health check after start.",
    ),
    Key(
        path="resources.cpu",
        kind=Kind.NUMBER,
        check=check_cpu_limit,
        description="CPU cores that one instance can use.",
    ),
    Key(
        path="resources.memory",
        kind=Kind.INTEGER,
        check=check_memory_limit,
        description="Memory that one instance can use, in MiB.",
    ),
    Key(
        path="env.required",
        kind=Kind.STRINGS,
        check=check_key,
        description=(
            "Names of environment variables that must be set before the application is deployed."
        ),
    ),
    Key(
        path="static.directory",
        kind=Kind.STRING,
        check=check_root_dir,
        description="Directory whose files are served after the build, without a web process.",
    ),
    Key(
        path="static.fallback",
        kind=Kind.STRING,
        check=check_root_dir,
        description="File that is served for paths without a file, with status 200.",
    ),
    Key(
        path="static.not_found",
        kind=Kind.STRING,
        check=check_root_dir,
        description="File that is served for paths without a file, with status 404.",
    ),
    Key(
        path="volumes.*.path",
        kind=Kind.STRING,
        check=check_mount_path,
        description='Path at which the app finds the files, for example "media". Required.',
    ),
    Key(
        path="volumes.*.access",
        kind=Kind.STRING,
        check=OneOf(VolumeAccess),
        description='"one" if only one instance can use the files at a time, else "many".',
    ),
    Key(
        path="volumes.*.preview",
        kind=Kind.STRING,
        check=OneOf(PreviewVolume),
        description='Volume for each preview: "none", "empty", or "copy" (from a snapshot).',
    ),
    Key(
        path="volumes.*.size_limit",
        kind=Kind.INTEGER,
        check=check_size_limit,
        description="Maximum size of the files, in MiB. Larger volumes are not deployed.",
    ),
    Key(
        path="volumes.*.snapshot_every",
        kind=Kind.INTEGER,
        check=check_snapshot_every,
        description="Hours between automatic snapshots.",
    ),
    Key(
        path="volumes.*.snapshot_keep",
        kind=Kind.INTEGER,
        check=check_snapshot_keep,
        description="Number of automatic snapshots to keep.",
    ),
)

BY_PATH: Mapping[str, Key] = {key.path: key for key in KEYS}
NAMED_TABLES: Mapping[str, Matches] = {"volumes": check_volume_name}
"""The tables whose keys can be chosen freely, each with the rule that its keys must match."""
TABLES = frozenset(key.path.split(".")[0] for key in KEYS if "." in key.path)

SYNONYMS: Mapping[str, str] = {
    "startcommand": "commands.start",
    "run": "commands.start",
    "cmd": "commands.start",
    "buildcommand": "commands.build",
    "installcommand": "commands.install",
    "releasecommand": "commands.release",
    "predeploy": "commands.release",
    "predeploycommand": "commands.release",
    "healthcheckpath": "health_check.path",
    "healthchecktimeout": "health_check.timeout",
    "healthchecktype": "health_check.type",
    "instances": "replicas",
    "numreplicas": "replicas",
    "scale": "replicas",
    "internalport": "port",
    "watchpatterns": "watch_paths",
    "buildfilter": "watch_paths",
    "cpulimit": "resources.cpu",
    "cpus": "resources.cpu",
    "memorylimit": "resources.memory",
    "dockerfile": "docker.file",
    "dockerfilepath": "docker.file",
    "outputdirectory": "static.directory",
    "publish": "static.directory",
    "staticpublishpath": "static.directory",
}
"""
The key that corresponds to a setting of another platform, by the name of the setting in lowercase
without separators.
"""
