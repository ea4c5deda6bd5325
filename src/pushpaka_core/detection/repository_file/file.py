"""What a pushpaka.toml decides, as the rest of detection asks for it."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from attrs import field, frozen

from pushpaka_core.detection.documents import read_toml
from pushpaka_core.detection.repository_file.places import Places
from pushpaka_core.detection.repository_file.reading import COMMANDS_OF_TYPES, Reading
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import (
    Evidence,
    Origin,
    OwnDockerfile,
    RepositorySettings,
    Step,
)
from pushpaka_core.errors import DetectionError

PATH = "pushpaka.toml"

_LONGEST = 64 * 1024
_MOST_MISTAKES = 20
_NAMED = 4


@frozen(kw_only=True)
class RepositoryFile:
    """What was said, by the paths of the keys; nothing where there is no file."""

    values: Mapping[str, Any] = field(factory=dict)
    line: int | None = None
    """Where the first of it stands."""

    @property
    def framework(self) -> str | None:
        """Return what the application is made with."""
        return self.values.get("framework")

    @property
    def install(self) -> tuple[Step, ...] | None:
        """Return what installs: nothing where an empty text says so, None where nothing is said."""
        command = self.values.get("commands.install")
        return None if command is None else _steps(command)

    @property
    def build(self) -> tuple[Step, ...] | None:
        """Return what builds, likewise."""
        commands = self.values.get("commands.build")
        return None if commands is None else _steps(*commands)

    @property
    def processes(self) -> Mapping[str, Step]:
        """Return the commands by process type."""
        short = {t: self.values[key] for t, key in COMMANDS_OF_TYPES.items() if key in self.values}
        said = {**self.values.get("processes", {}), **short}
        return {type_: step for type_, command in said.items() for step in _steps(command)}

    @property
    def site(self) -> Mapping[str, str]:
        """Return what was said of the files to serve, by the fields of `StaticSite`."""
        return self._table("static")

    @property
    def dockerfile(self) -> OwnDockerfile | None:
        """Return which Dockerfile is to be used, and how."""
        said = self._table("docker")
        if not said:
            return None
        given = {"path": said.get("file"), **{key: said.get(key) for key in ("target", "context")}}
        return OwnDockerfile(**{key: value for key, value in given.items() if value is not None})

    @property
    def settings(self) -> RepositorySettings:
        """Return what was said of how it is run."""
        return RepositorySettings(
            port=self.values.get("port"),
            replicas=self.values.get("replicas"),
            health_check_path=self.values.get("health_check.path"),
            health_check_timeout=self.values.get("health_check.timeout"),
            cpu_limit=self.values.get("resources.cpu"),
            memory_limit=self.values.get("resources.memory"),
            required_env=self.values.get("env.required", ()),
            watch_paths=self.values.get("watch_paths", ()),
        )

    def _table(self, name: str) -> dict[str, str]:
        tables = ((path.partition("."), value) for path, value in self.values.items())
        return {key: value for (table, _, key), value in tables if table == name}

    def evidence(self) -> Iterator[Evidence]:
        """Say what it decides."""
        if names := list(self.values):
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            reason = f"{PATH} sets {', '.join(names[:_NAMED])}{more}"
            yield Evidence(reason=reason, path=PATH, line=self.line)


def read_repository_file(tree: FileTree) -> RepositoryFile:
    """
    Return what the pushpaka.toml of *tree* says.

    Raises:
        DetectionError: If it is broken, or if something in it is not understood; the
            message holds every mistake with its line and column.
    """
    if not tree.exists(PATH):
        return RepositoryFile()
    text = tree.read(PATH)
    if text is None or len(text) > _LONGEST:
        raise DetectionError(f"{PATH} is larger than {_LONGEST // 1024} KiB. Shorten it.")
    reading = Reading(document=read_toml(tree, PATH), places=Places.of(text))
    if mistakes := sorted(islice(reading.mistakes(), _MOST_MISTAKES)):
        heading = f"{PATH} cannot be used. Mend it and push again."
        raise DetectionError("\n".join((heading, *map(str, mistakes))))
    values = reading.values()
    lines = [reading.places[tuple(path.split("."))].line for path in values]
    return RepositoryFile(values=values, line=min(lines, default=None))


def _steps(*commands: str) -> tuple[Step, ...]:
    return tuple(Step(command=c.strip(), origin=Origin.FILE) for c in commands if c.strip())
