"""Finds a Python of this host that a project can use."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from anyio import to_thread
from attrs import field, frozen
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from pushpaka_core.adapters.process.permissions import is_open_to_others
from pushpaka_core.errors import BuildError, PlatformFaultError
from pushpaka_core.ports.processes import Command, OutputChunk, Processes

_DIRECTORIES = (Path("/usr/local/bin"), Path("/usr/bin"))
_EXECUTABLE = re.compile(r"python3\.[0-9]+")
_ASK = "import platform; print(platform.python_version())"


@frozen(kw_only=True)
class Interpreter:
    """A Python that was asked for its version."""

    path: Path
    version: Version


def standard_interpreters() -> Sequence[Path]:
    """Return the Pythons of this host's usual places, and the one that the platform stands on."""
    own = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    found = [path for directory in _DIRECTORIES for path in sorted(directory.glob("python3.*"))]
    return [path for path in (*found, own) if _EXECUTABLE.fullmatch(path.name) and path.exists()]


@frozen
class Interpreters:
    """Knows the Pythons of this host by their versions."""

    _processes: Processes
    _known: dict[Path, Interpreter] = field(factory=dict, init=False)

    async def choose(self, wanted: str | None, *, for_others: bool) -> Interpreter:
        """
        Return the newest Python that fits *wanted*; for another user, one that others may execute.

        Raises:
            BuildError: If there is none, with the versions that there are.
        """
        paths = await to_thread.run_sync(_usable_paths, for_others)
        found = [interpreter for path in paths if (interpreter := await self._ask(path))]
        for specifiers in _specifiers(wanted):
            fitting = [each for each in found if each.version in specifiers]
            if fitting:
                return max(fitting, key=lambda each: each.version)
        versions = ", ".join(sorted({str(each.version) for each in found})) or "none"
        raise BuildError(
            f"The application asks for Python {wanted or '3'}, and this host has {versions}."
            " Install the version on the host, or ask for another one."
        )

    async def _ask(self, path: Path) -> Interpreter | None:
        if path not in self._known:
            try:
                version = Version(await self._output_of(path))
            except (PlatformFaultError, InvalidVersion):
                return None
            self._known[path] = Interpreter(path=path, version=version)
        return self._known[path]

    async def _output_of(self, path: Path) -> str:
        output = bytearray()

        async def keep(chunk: OutputChunk) -> None:
            output.extend(chunk.data)

        argv = (str(path), "-I", "-S", "-c", _ASK)
        await self._processes.run(Command(argv=argv, directory=Path("/")), on_output=keep)
        return output.decode()


def _usable_paths(for_others: bool) -> Sequence[Path]:
    paths = standard_interpreters()
    return [path for path in paths if not for_others or is_open_to_others(path)]


def _specifiers(wanted: str | None) -> Sequence[SpecifierSet]:
    """Read a requirement; of a bare version another patch release will do, if need be."""
    if wanted is None:
        return [SpecifierSet()]
    if not wanted[0].isdigit():
        return [SpecifierSet(wanted)]
    parts = wanted.split(".")
    exact = [SpecifierSet(f"=={wanted}")] if len(parts) > 2 else []
    return [*exact, SpecifierSet(f"=={'.'.join(parts[:2])}.*")]
