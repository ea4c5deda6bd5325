"""How git is run: by argument lists, in an environment that trusts no repository and no machine."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from attrs import define, field, frozen

from pushpaka_core.adapters.git.mirrors import Store
from pushpaka_core.adapters.git.remotes import Remote
from pushpaka_core.errors import SettingsError
from pushpaka_core.ports.processes import (
    Command,
    Descriptor,
    Exit,
    Limits,
    OutputChunk,
    Processes,
)

_MOST_OUTPUT = 4 << 20
_MOST_ERRORS = 16 << 10

_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}

_OPTIONS = {
    "advice.detachedHead": "false",
    "core.bigFileThreshold": "32m",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "maintenance.auto": "false",
    "pack.threads": "1",
    "protocol.allow": "never",
    "safe.bareRepository": "explicit",
    "submodule.recurse": "false",
    "transfer.bundleURI": "false",
    "transfer.fsckObjects": "true",
    # Flaws of old tools in old commits, which harm nobody.
    "fetch.fsck.badTimezone": "ignore",
    "fetch.fsck.missingSpaceBeforeDate": "ignore",
    "fetch.fsck.zeroPaddedFilemode": "ignore",
}


@frozen(kw_only=True)
class Result:
    """What git left behind: how it ended, and what it printed (the errors without any secret)."""

    exit: Exit
    output: bytes = field(repr=False)
    errors: str

    @property
    def text(self) -> str:
        """Return the output as text."""
        return self.output.decode(errors="replace").strip()


@frozen(kw_only=True)
class Git:
    """Runs git for one fetch from one remote."""

    _binary: Path
    _processes: Processes
    _limits: Limits
    _workspace: Path
    """Private to this fetch; git's home and working directory in it stays empty."""
    remote: Remote

    @property
    def home(self) -> Path:
        """Return the directory in which git is run, always outside of what it fetched."""
        return self._workspace / "home"

    def store(self, name: str) -> Store:
        """Return the bare repository *name* of this fetch."""
        return Store(self._workspace / f"{name}.git")

    async def run(self, *arguments: str) -> Result:
        """Run git to its end; output beyond 4 MiB is dropped."""
        output = _Tail(_MOST_OUTPUT)
        return await self._run(arguments, output.add, output)

    async def stream(self, *arguments: str, each: Callable[[bytes], bool]) -> Result:
        """Run git, handing its output to *each*; git is killed once that returns false."""
        with anyio.CancelScope() as scope:

            def take(data: bytes) -> None:
                if not scope.cancel_called and not each(data):
                    scope.cancel()

            return await self._run(arguments, take, _Tail(0))
        return Result(exit=Exit(signal=9), output=b"", errors="")

    async def _run(
        self, arguments: tuple[str, ...], take: Callable[[bytes], None], output: "_Tail"
    ) -> Result:
        errors = _Tail(_MOST_ERRORS)
        ended = await self._processes.run(
            self._command(arguments), on_output=_sorted_into(take, errors.add)
        )
        text = self.remote.redacted(errors.kept.decode(errors="replace"))
        return Result(exit=ended, output=bytes(output.kept), errors=text)

    def _command(self, arguments: tuple[str, ...]) -> Command:
        options = [part for key, value in _OPTIONS.items() for part in ("-c", f"{key}={value}")]
        return Command(
            argv=[str(self._binary), *options, *self.remote.options, *arguments],
            directory=self.home,
            env=_ENVIRONMENT | self._own_environment | self.remote.environment,
            limits=self._limits,
        )

    @property
    def _own_environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self._binary.parent}:/usr/bin:/bin",
            "HOME": str(self.home),
            "GIT_CEILING_DIRECTORIES": str(self._workspace),
            "GIT_CONFIG_GLOBAL": self._global_configuration,
            "GIT_INDEX_FILE": str(self._workspace / "index"),
        }

    @property
    def _global_configuration(self) -> str:
        """Let a local repository have another owner; no option on the command line would do."""
        is_local = self.remote.url.scheme == "file"
        return str(self._workspace / "gitconfig") if is_local else "/dev/null"


def find_git() -> Path:
    """
    Return where git is.

    Raises:
        SettingsError: If it is not installed.
    """
    found = shutil.which("git")
    if found is None:
        raise SettingsError("git was not found on PATH. Install git, 2.37 or newer.")
    return Path(found).absolute()


def prepare(workspace: Path) -> None:
    """Make the directories and files of a fetch, in place of those that a killed one has left."""
    shutil.rmtree(workspace, ignore_errors=True)
    (workspace / "home").mkdir(mode=0o700, parents=True)
    workspace.chmod(0o700)
    (workspace / "gitconfig").write_text("[safe]\n\tdirectory = *\n")


@define
class _Tail:
    """Keeps the last bytes of what it is given."""

    _most: int
    kept: bytearray = field(factory=bytearray, init=False)

    def add(self, data: bytes) -> None:
        self.kept += data
        del self.kept[: -self._most or len(self.kept)]


def _sorted_into(
    take_output: Callable[[bytes], None], take_error: Callable[[bytes], None]
) -> Callable[[OutputChunk], Awaitable[None]]:
    async def take(chunk: OutputChunk) -> None:
        is_error = chunk.descriptor is Descriptor.STDERR
        (take_error if is_error else take_output)(chunk.data)

    return take
