"""Installs Python versions that the host does not have, with uv, for all projects."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from anyio import fail_after, to_thread
from attrs import frozen
from packaging.specifiers import SpecifierSet

from pushpaka_core.adapters.process.toolchains.downloads import PackageDownloader
from pushpaka_core.adapters.process.toolchains.toolchain_store import ToolchainStore
from pushpaka_core.adapters.process.toolchains.tools import uv_program
from pushpaka_core.errors import BuildError
from pushpaka_core.host.process_output import ProgramResult
from pushpaka_core.ports.progress import Reporter

logger = logging.getLogger(__name__)

EXECUTABLE = re.compile(r"python3\.[0-9]+")
"""Matches the name of an interpreter with its minor version, for example "python3.12"."""

_PREFIX = "cpython-"
_TIMEOUT_SECONDS = 300.0
_UNKNOWN_VERSION = ("No download found for request", "not a valid Python download request")
_PROGRESS = re.compile(r"(?:Downloading|Downloaded|Installed) [^/@]*")
_URL = re.compile(r"(?:for url )?\(?`?https?://\S*")
_REMEDY = (
    " Change the required version, or ask the operator to install this version or to set"
    " UV_PYTHON_INSTALL_MIRROR to a reachable mirror."
)


@frozen(kw_only=True)
class ManagedPythons:
    """
    The Python versions that uv has installed for projects.

    They are kept with the toolchains, in a directory that uv locks against concurrent installs,
    and are removed a day after the last release that uses them.
    """

    _store: ToolchainStore
    _package_downloader: PackageDownloader
    _timeout_seconds: float = _TIMEOUT_SECONDS
    """The time limit of one installation, in seconds."""

    def interpreters(self) -> Sequence[Path]:
        """Return the paths of the installed interpreters."""
        directories = self._store.directories(_PREFIX)
        found = (path for place in directories for path in place.glob("bin/python3.*"))
        return [path for path in found if EXECUTABLE.fullmatch(path.name)]

    def mark_used(self, interpreter: Path) -> None:
        """Mark *interpreter* as used and make it executable for every user, if uv installed it."""
        directory = interpreter.parents[1]
        if directory.parent == self._store.root:
            self._store.make_readable_for_all(directory)

    async def install(self, alternatives: Sequence[SpecifierSet], report: Reporter) -> None:
        """
        Install the newest version for the first specifier in *alternatives* that has a match.

        Raises:
            BuildError: If no such version is published, or the download fails or takes too long.
        """
        for specifiers in alternatives:
            result = await self._run(str(specifiers) or "3", report)
            if result.exit.succeeded:
                return
            if not any(sentence in result.errors for sentence in _UNKNOWN_VERSION):
                logger.warning(
                    "Python %s could not be installed with uv: %s", specifiers, result.error_summary
                )
                raise BuildError(f"The download failed: {_cause(result)}.{_REMEDY}")
        raise BuildError(
            "No matching version can be downloaded. Request a version that exists, or ask the"
            " operator to install it on the host."
        )

    async def _run(self, request: str, report: Reporter) -> ProgramResult:
        uv = await to_thread.run_sync(uv_program)
        options = ("--no-bin", "--color", "never", "--install-dir", self._store.root)
        try:
            with fail_after(self._timeout_seconds):
                async with self._store.staging() as staging:
                    await to_thread.run_sync(self._create_private_lock)
                    # The request comes from the repository; "--" keeps it from being an option.
                    result = await self._package_downloader.run(
                        *(uv, "python", "install", *options, "--", request), staging=staging
                    )
        except TimeoutError:
            minutes = self._timeout_seconds / 60
            raise BuildError(
                f"The download took longer than {minutes:g} minutes.{_REMEDY}"
            ) from None
        for line in result.errors.splitlines():
            if _PROGRESS.fullmatch(line.strip()):
                await report(f"{line.strip()}.")
        return result

    def _create_private_lock(self) -> None:
        """Create uv's lock file as private: any project could hold the lock of a readable file."""
        (self._store.root / ".lock").touch(mode=0o600)


def _cause(result: ProgramResult) -> str:
    """Return the innermost cause in uv's output, without URLs, which may contain a password."""
    lines = [_URL.sub("", line).strip(" .:") for line in result.errors.splitlines()]
    causes = [line.partition("cause:")[2].strip() or line for line in lines if line]
    return causes[-1][:200] if causes else result.exit.description
