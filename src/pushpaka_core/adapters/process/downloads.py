"""Gets published programs, from the package index and the npm registry that the host uses."""

import json
import os
import pwd
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import uv
from anyio import to_thread
from attrs import field, frozen

from pushpaka_core.adapters.process.environment import SYSTEM_PATH, npm_configuration
from pushpaka_core.adapters.process.packages import unpack
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import Command, Descriptor, Exit, Limits, OutputChunk, Processes

_LIMITS = Limits(memory_bytes=2 * 2**30, file_bytes=2 * 2**30, open_files=65_536)
_NOT_PUBLISHED = frozenset({"ETARGET", "E404", "ENOVERSIONS"})
_MOST_OUTPUT = 4 * 2**20
_MOST_SAID = 300


@frozen(kw_only=True)
class Ran:
    """How a program ended, and what it printed."""

    exit: Exit
    output: str = field(repr=False)
    errors: str = field(repr=False)

    @property
    def last_words(self) -> str:
        """Return the end of what it complained about."""
        return " ".join((self.errors or self.output).split())[-_MOST_SAID:] or self.exit.words


@frozen(kw_only=True)
class Downloads:
    """
    Runs uv and npm as the platform's own user; no script of a package takes part.

    Both find the host's own settings, so that mirrors and proxies are used as its operator wants.
    """

    _processes: Processes
    _host_env: Mapping[str, str] = field(factory=dict, repr=False)

    async def wheel(self, requirement: str, *, staging: Path) -> Path | None:
        """Return where the newest wheel that fits was unpacked, or None if there is none."""
        target = staging / "wheel"
        options = ("--quiet", "--no-progress", "--only-binary", ":all:", "--python", sys.executable)
        ran = await self.run(
            *(await to_thread.run_sync(_uv), "pip", "install"),
            *(*options, "--target", target, requirement),
            staging=staging,
        )
        if "No solution found" in ran.errors:
            return None
        _require(ran, "the package index")
        return target

    async def package(self, wanted: str, *, npm: Path, staging: Path) -> Path | None:
        """Return the archive of the newest npm package that fits, or None if there is none."""
        options = ("--json", "--loglevel=error", "--ignore-scripts")
        ran = await self.run(
            *(npm, "pack", *options, f"--pack-destination={staging}", wanted), staging=staging
        )
        match _parsed(ran.output):
            case [{"filename": str(name)}]:
                # Older releases of npm print the name of the package, not of the file.
                return staging / name.removeprefix("@").replace("/", "-")
            case {"error": {"code": str(code)}} if code in _NOT_PUBLISHED:
                return None
        _require(ran, "the npm registry")
        raise PlatformFaultError(f"npm did not say what it has fetched: {ran.last_words}")

    async def install(self, archive: Path, *, npm: Path, staging: Path) -> Path:
        """Return the directory into whose node_modules an archive and its dependencies went."""
        target = staging / archive.stem
        if await to_thread.run_sync(unpack, archive, target):
            return target
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--omit=dev")
        ran = await self.run(
            *(npm, "install", *options, "--loglevel=error", "--prefix", target, archive),
            staging=staging,
        )
        _require(ran, "the npm registry")
        return target

    async def newest(self, package: str, *, npm: Path, staging: Path) -> str:
        """Return the newest version of an npm package, or nothing if that cannot be told."""
        ran = await self.run(npm, "view", "--loglevel=error", package, "version", staging=staging)
        return ran.output.strip() if ran.exit.succeeded else ""

    async def run(self, program: Path, /, *arguments: object, staging: Path) -> Ran:
        """Run a program in *staging*, with its own directory first in its PATH."""
        output, errors = _Kept(), _Kept()

        async def keep(chunk: OutputChunk) -> None:
            (errors if chunk.descriptor is Descriptor.STDERR else output).add(chunk.data)

        command = Command(
            argv=(str(program), *map(str, arguments)),
            directory=staging,
            env=await to_thread.run_sync(self._env, program, staging),
            limits=_LIMITS,
        )
        ended = await self._processes.run(command, on_output=keep)
        return Ran(exit=ended, output=output.text, errors=errors.text.replace(f"{staging}/", ""))

    def _env(self, program: Path, staging: Path) -> Mapping[str, str]:
        return {
            **self._host_env,
            **npm_configuration(),
            "LANG": "C.UTF-8",
            "PATH": f"{program.parent}:{SYSTEM_PATH}",
            "HOME": pwd.getpwuid(os.geteuid()).pw_dir,
            "TMPDIR": str(staging / "tmp"),
            "UV_CACHE_DIR": str(staging / "cache"),
            "npm_config_cache": str(staging / "cache"),
        }


@frozen
class _Kept:
    """The end of what a program prints."""

    _pieces: deque[bytes] = field(factory=lambda: deque(maxlen=_MOST_OUTPUT // 2**14), init=False)

    def add(self, data: bytes) -> None:
        self._pieces.append(data)

    @property
    def text(self) -> str:
        return b"".join(self._pieces).decode(errors="replace")


def _uv() -> Path:
    return Path(uv.find_uv_bin())


def _parsed(output: str) -> object:
    try:
        return json.loads(output)
    except ValueError:
        return None


def _require(ran: Ran, origin: str) -> None:
    if not ran.exit.succeeded:
        raise PlatformFaultError(f"A program could not be fetched from {origin}: {ran.last_words}")
