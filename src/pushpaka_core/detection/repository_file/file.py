"""The parsed pushpaka.toml, in the types that detection works with."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from attrs import field, frozen

from pushpaka_core.detection.documents import read_toml
from pushpaka_core.detection.repository_file.places import KeyLocations
from pushpaka_core.detection.repository_file.validator import (
    COMMANDS_OF_TYPES,
    RepositoryFileValidator,
)
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import (
    BuildStep,
    Evidence,
    Origin,
    RepositoryDockerfile,
    RepositorySettings,
)
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.volumes.declarations import DeclaredVolume
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import PreviewVolume
from pushpaka_core.errors import DetectionError

PATH = "pushpaka.toml"

_MAX_LENGTH = 64 * 1024
_MAX_ERRORS = 20
_MAX_NAMED_KEYS = 4


@frozen(kw_only=True)
class RepositoryFile:
    """The values that a pushpaka.toml sets, by dotted key. Empty if the repository has none."""

    values: Mapping[str, Any] = field(factory=dict)
    line: int | None = None
    """The line of the first key that is set."""

    @property
    def framework(self) -> str | None:
        """Return the name or alias of the framework, or None."""
        return self.values.get("framework")

    @property
    def install(self) -> tuple[BuildStep, ...] | None:
        """
        Return the install step.

        None leaves the choice to detection. An empty tuple means that there is nothing to install.
        """
        command = self.values.get("commands.install")
        return None if command is None else _steps(command)

    @property
    def build(self) -> tuple[BuildStep, ...] | None:
        """
        Return the build steps.

        None leaves the choice to detection. An empty tuple means that there is nothing to build.
        """
        commands = self.values.get("commands.build")
        return None if commands is None else _steps(*commands)

    @property
    def processes(self) -> Mapping[str, BuildStep]:
        """
        Return the commands by process type, including `commands.start` and
        `commands.release`.
        """
        short = {t: self.values[key] for t, key in COMMANDS_OF_TYPES.items() if key in self.values}
        processes = {**self.values.get("processes", {}), **short}
        return {type_: step for type_, command in processes.items() for step in _steps(command)}

    @property
    def site(self) -> Mapping[str, str]:
        """Return the static site settings, by field name of `StaticSite`."""
        return self._table("static")

    @property
    def dockerfile(self) -> RepositoryDockerfile | None:
        """Return the Dockerfile settings, or None if there are none."""
        table = self._table("docker")
        if not table:
            return None
        return RepositoryDockerfile(
            path=table.get("file", "Dockerfile"),
            target=table.get("target"),
            context=table.get("context"),
        )

    @property
    def settings(self) -> RepositorySettings:
        """Return the run settings that the file sets."""
        return RepositorySettings(
            port=self.values.get("port"),
            replicas=self.values.get("replicas"),
            health_check=self._health_check,
            health_check_path=self.values.get("health_check.path"),
            health_check_timeout=self.values.get("health_check.timeout"),
            rollback_window=self.values.get("rollback_window"),
            cpu_limit=self.values.get("resources.cpu"),
            memory_limit=self.values.get("resources.memory"),
            required_env=self.values.get("env.required", ()),
            watch_paths=self.values.get("watch_paths", ()),
            volumes=tuple(self._volumes()),
        )

    def _volumes(self) -> Iterator[DeclaredVolume]:
        names = dict.fromkeys(
            key.split(".")[1] for key in self.values if key.startswith("volumes.")
        )
        for name in names:
            table = self._table(f"volumes.{name}")
            access, preview = table.get("access"), table.get("preview")
            yield DeclaredVolume(
                name=name,
                mount_path=table["path"],
                access=None if access is None else VolumeAccess(access),
                preview=None if preview is None else PreviewVolume(preview),
                size_limit=table.get("size_limit"),
                snapshot_every=table.get("snapshot_every"),
                snapshot_keep=table.get("snapshot_keep"),
            )

    @property
    def _health_check(self) -> HealthCheck | None:
        word = self.values.get("health_check.type")
        return None if word is None else HealthCheck(word)

    def _table(self, name: str) -> dict[str, Any]:
        tables = ((path.rpartition("."), value) for path, value in self.values.items())
        return {key: value for (table, _, key), value in tables if table == name}

    def evidence(self) -> Iterator[Evidence]:
        """Return the keys that the file sets as evidence for the build log."""
        if names := list(self.values):
            more = (
                f" and {len(names) - _MAX_NAMED_KEYS} more" if len(names) > _MAX_NAMED_KEYS else ""
            )
            reason = f"{PATH} sets {', '.join(names[:_MAX_NAMED_KEYS])}{more}"
            yield Evidence(reason=reason, path=PATH, line=self.line)


def read_repository_file(tree: FileTree) -> RepositoryFile:
    """
    Read the pushpaka.toml of *tree*. Without one, return an empty `RepositoryFile`.

    Raises:
        DetectionError: If the file is larger than 64 KiB, is not valid TOML, or has invalid keys or
            values. The message lists up to 20 errors, each with its line and column.
    """
    if not tree.exists(PATH):
        return RepositoryFile()
    text = tree.read(PATH)
    if text is None or len(text) > _MAX_LENGTH:
        raise DetectionError(f"{PATH} is larger than {_MAX_LENGTH // 1024} KiB. Shorten it.")
    repository_file_validator = RepositoryFileValidator(
        document=read_toml(tree, PATH), key_locations=KeyLocations.parse(text)
    )
    if mistakes := sorted(islice(repository_file_validator.errors(), _MAX_ERRORS)):
        heading = f"{PATH} is not valid. Fix the file and push again."
        raise DetectionError("\n".join((heading, *map(str, mistakes))))
    values = repository_file_validator.values()
    lines = [
        repository_file_validator.key_locations[tuple(path.split("."))].line for path in values
    ]
    return RepositoryFile(values=values, line=min(lines, default=None))


def _steps(*commands: str) -> tuple[BuildStep, ...]:
    return tuple(BuildStep(command=c.strip(), origin=Origin.FILE) for c in commands if c.strip())
