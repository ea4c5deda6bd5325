"""All that pushpaka.toml may say, in one table: it is read, published and documented by it."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from attrs import frozen

from pushpaka_core.domain.env_vars import check_key
from pushpaka_core.domain.frameworks import canonical_framework
from pushpaka_core.domain.projects import (
    check_command,
    check_cpu_limit,
    check_framework,
    check_health_path,
    check_health_timeout,
    check_memory_limit,
    check_port,
    check_replicas,
)
from pushpaka_core.domain.repository_names import check_root_dir
from pushpaka_core.domain.rules import Matching, OneLine

MOST_ITEMS = 100
"""Of a list, or of a table whose names are free."""


class Kind(StrEnum):
    """What a value is, in the words of the documentation."""

    TEXT = "text"
    INTEGER = "whole number"
    NUMBER = "number"
    TEXTS = "list of texts"
    COMMANDS = "text, or list of texts"
    PROCESSES = "table of texts"


@frozen(kw_only=True)
class Key:
    """One thing that may be said, and what it must be like."""

    path: str
    """With its table, as in "commands.start"."""
    kind: Kind
    check: Callable[[Any], None]
    """Asked of the value, or of each of them; raises ValueError that begins with "must"."""
    meaning: str


def _check_optional_command(value: str) -> None:
    """Accept the empty text too: it says that there is nothing to do."""
    if value:
        check_command(value)


def _check_known_framework(value: str) -> None:
    check_framework(value)
    canonical_framework(value)


def _check_pattern(value: str) -> None:
    OneLine(255)(value)
    if value.startswith("/") or ".." in value.split("/"):
        raise ValueError("must be relative to the repository and stay in it, as in src/**")


def _check_context(value: str) -> None:
    """Accept what may lead to a directory above the application; whether it does is seen later."""
    OneLine(255)(value)
    if value.startswith(("/", "~", "-")):
        raise ValueError("must be relative to the application, as in ../..")


_check_stage = Matching(
    r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", "must be the name of a stage, as in `release`"
)

KEYS = (
    Key(
        path="framework",
        kind=Kind.TEXT,
        check=_check_known_framework,
        meaning='What the application is made with, as in "fastapi"; "auto" finds it out.',
    ),
    Key(
        path="port",
        kind=Kind.INTEGER,
        check=check_port,
        meaning="The port in the container; the application is told by `PORT`.",
    ),
    Key(
        path="replicas",
        kind=Kind.INTEGER,
        check=check_replicas,
        meaning="How many instances of the web process run.",
    ),
    Key(
        path="watch_paths",
        kind=Kind.TEXTS,
        check=_check_pattern,
        meaning=(
            'Patterns of the files whose change is worth a deployment, as in "src/**"; a push that'
            " changes none of them deploys nothing."
        ),
    ),
    Key(
        path="commands.install",
        kind=Kind.TEXT,
        check=_check_optional_command,
        meaning="Installs what the application needs; an empty text installs nothing.",
    ),
    Key(
        path="commands.build",
        kind=Kind.COMMANDS,
        check=_check_optional_command,
        meaning="Builds it, one command after the other; an empty text builds nothing.",
    ),
    Key(
        path="commands.start",
        kind=Kind.TEXT,
        check=check_command,
        meaning="Starts the web process, which listens on `PORT`.",
    ),
    Key(
        path="commands.release",
        kind=Kind.TEXT,
        check=check_command,
        meaning="Runs before the new version takes over, as for migrations of a database.",
    ),
    Key(
        path="processes",
        kind=Kind.PROCESSES,
        check=check_command,
        meaning='Commands of further processes by their names, as in `worker = "celery -A shop"`.',
    ),
    Key(
        path="docker.file",
        kind=Kind.TEXT,
        check=check_root_dir,
        meaning="The Dockerfile to build from, where images are built.",
    ),
    Key(
        path="docker.target",
        kind=Kind.TEXT,
        check=_check_stage,
        meaning="The stage of the Dockerfile that is wanted; the last one unless it is named.",
    ),
    Key(
        path="docker.context",
        kind=Kind.TEXT,
        check=_check_context,
        meaning=(
            "The directory that the Dockerfile copies from, as in `../..`; that of the application"
            " by itself."
        ),
    ),
    Key(
        path="health_check.path",
        kind=Kind.TEXT,
        check=check_health_path,
        meaning="Answers with 2xx or 3xx once the application is healthy.",
    ),
    Key(
        path="health_check.timeout",
        kind=Kind.INTEGER,
        check=check_health_timeout,
        meaning="Seconds from the start of a process to its first good answer.",
    ),
    Key(
        path="resources.cpu",
        kind=Kind.NUMBER,
        check=check_cpu_limit,
        meaning="Cores that one instance may use.",
    ),
    Key(
        path="resources.memory",
        kind=Kind.INTEGER,
        check=check_memory_limit,
        meaning="MiB of memory that one instance may use.",
    ),
    Key(
        path="env.required",
        kind=Kind.TEXTS,
        check=check_key,
        meaning="Names of env vars without which nothing is deployed.",
    ),
    Key(
        path="static.directory",
        kind=Kind.TEXT,
        check=check_root_dir,
        meaning="Serves the files of this directory as they are, after the build.",
    ),
    Key(
        path="static.fallback",
        kind=Kind.TEXT,
        check=check_root_dir,
        meaning="The file for every address that no file fits, with status 200.",
    ),
    Key(
        path="static.not_found",
        kind=Kind.TEXT,
        check=check_root_dir,
        meaning="The file for every address that no file fits, with status 404.",
    ),
)

BY_PATH: Mapping[str, Key] = {key.path: key for key in KEYS}
TABLES = frozenset(key.path.split(".")[0] for key in KEYS if "." in key.path)

WORDS_OF_OTHERS: Mapping[str, str] = {
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
"""What a key is called elsewhere, in small letters only."""
