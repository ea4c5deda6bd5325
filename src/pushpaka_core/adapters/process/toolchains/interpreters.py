"""Finds a Python interpreter that a project can use."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from anyio import Lock, to_thread
from attrs import field, frozen
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from pushpaka_core.adapters.process.sandbox.permissions import is_accessible_to_others
from pushpaka_core.adapters.process.toolchains.managed_pythons import EXECUTABLE, ManagedPythons
from pushpaka_core.errors import BuildError, PlatformFaultError
from pushpaka_core.host.process_output import run_captured
from pushpaka_core.ports.processes import Command, ProcessManager
from pushpaka_core.ports.progress import Reporter

_DIRECTORIES = (Path("/usr/local/bin"), Path("/usr/bin"))
_VERSION_SCRIPT = "import platform; print(platform.python_version())"


@frozen(kw_only=True)
class Interpreter:
    """A Python interpreter and its version."""

    path: Path
    version: Version


def default_interpreters() -> Sequence[Path]:
    """Return the Python interpreters in the usual directories, and the platform's own."""
    own = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    found = [path for directory in _DIRECTORIES for path in sorted(directory.glob("python3.*"))]
    return [path for path in (*found, own) if EXECUTABLE.fullmatch(path.name) and path.exists()]


@frozen(kw_only=True)
class Interpreters:
    """Chooses a Python interpreter on the host, or one that uv has installed or can download."""

    _process_manager: ProcessManager
    _host_paths: Callable[[], Sequence[Path]] = default_interpreters
    _managed_pythons: ManagedPythons | None = None
    """Installs Python versions with uv. If None, only versions on the host are used."""
    _cache: dict[Path, Interpreter] = field(factory=dict, init=False)
    _install_lock: Lock = field(factory=Lock, init=False)

    async def choose(
        self, requested_version: str | None, *, for_other_users: bool, report: Reporter
    ) -> Interpreter:
        """
        Return the newest Python interpreter that matches *requested_version*.

        Interpreters on the host are preferred to those that uv has installed. If none matches, uv
        downloads one.

        Args:
            requested_version: A version or a version specifier; None accepts every version.
            for_other_users: Whether other users must be able to execute it.
            report: Receives progress lines for the build log.

        Raises:
            BuildError: If no version matches; the message lists the versions of the host.
            PlatformFaultError: If the downloaded Python does not run on this host.
        """
        specifiers = _specifiers(requested_version)
        if found := await self._find(specifiers, for_other_users=for_other_users):
            return found
        host = await self._usable_interpreters(self._host_paths, for_other_users=for_other_users)
        has = ", ".join(sorted({str(each.version) for each in host})) or "none"
        missing = (
            f"The application requires Python {requested_version or '3'}, but this host has {has}"
        )
        if self._managed_pythons is None:
            raise BuildError(
                f"{missing}. Change the required version, or ask the operator to install this"
                " version or to allow downloads (PUSHPAKA_PYTHON_DOWNLOADS=true)."
            )
        async with self._install_lock:
            if found := await self._find(specifiers, for_other_users=for_other_users):
                return found
            await report(f"Downloading Python {requested_version or '3'}: this host has {has}.")
            try:
                await self._managed_pythons.install(specifiers, report)
            except BuildError as error:
                raise BuildError(f"{missing}. {error}") from None
            if found := await self._find(specifiers, for_other_users=for_other_users):
                return found
        raise PlatformFaultError(
            "The downloaded Python does not run on this host. Ask the operator to install this "
            "version."
        )

    async def _find(
        self, alternatives: Sequence[SpecifierSet], *, for_other_users: bool
    ) -> Interpreter | None:
        host = await self._usable_interpreters(self._host_paths, for_other_users=for_other_users)
        managed = (
            await self._usable_interpreters(self._managed_pythons.interpreters)
            if self._managed_pythons
            else []
        )
        for specifiers in alternatives:
            for found in (host, managed):
                matches = [each for each in found if each.version in specifiers]
                if matches:
                    return await self._mark_used(max(matches, key=lambda each: each.version))
        return None

    async def _mark_used(self, interpreter: Interpreter) -> Interpreter:
        """Mark an interpreter from uv as used, which keeps it until its release is built."""
        if self._managed_pythons:
            await to_thread.run_sync(self._managed_pythons.mark_used, interpreter.path)
        return interpreter

    async def _usable_interpreters(
        self, find_paths: Callable[[], Sequence[Path]], *, for_other_users: bool = False
    ) -> Sequence[Interpreter]:
        paths = await to_thread.run_sync(_usable_paths, find_paths, for_other_users)
        return [found for path in paths if (found := await self._query(path))]

    async def _query(self, path: Path) -> Interpreter | None:
        if path not in self._cache:
            command = Command(
                argv=(str(path), "-I", "-S", "-c", _VERSION_SCRIPT), directory=Path("/")
            )
            try:
                version = Version((await run_captured(self._process_manager, command)).output)
            except (PlatformFaultError, InvalidVersion):
                return None
            self._cache[path] = Interpreter(path=path, version=version)
        return self._cache[path]


def _usable_paths(
    find_paths: Callable[[], Sequence[Path]], for_other_users: bool
) -> Sequence[Path]:
    return [path for path in find_paths() if not for_other_users or is_accessible_to_others(path)]


def _specifiers(requested_version: str | None) -> Sequence[SpecifierSet]:
    """
    Return the specifiers for a version, in order of preference.

    A full version also accepts other patch releases of the same minor version.
    """
    if requested_version is None:
        return [SpecifierSet()]
    if not requested_version[0].isdigit():
        return [SpecifierSet(requested_version)]
    parts = requested_version.split(".")
    exact = [SpecifierSet(f"=={requested_version}")] if len(parts) > 2 else []
    return [*exact, SpecifierSet(f"=={'.'.join(parts[:2])}.*")]
