"""Runs git with argument lists, isolated from the configuration of the repository and the host."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from attrs import define, field, frozen

from pushpaka_core.adapters.git.mirrors import BareRepository
from pushpaka_core.adapters.git.remotes import Remote
from pushpaka_core.errors import SettingsError
from pushpaka_core.ports.processes import (
    Command,
    Exit,
    OutputChunk,
    OutputStream,
    ProcessManager,
    ResourceLimits,
)

_MAX_OUTPUT_BYTES = 4 << 20
_MAX_ERROR_BYTES = 16 << 10

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
    # Harmless errors in commits that old tools have written.
    "fetch.fsck.badTimezone": "ignore",
    "fetch.fsck.missingSpaceBeforeDate": "ignore",
    "fetch.fsck.zeroPaddedFilemode": "ignore",
}


@frozen(kw_only=True)
class GitResult:
    """The result of a git command. Secrets are removed from `errors`."""

    exit: Exit
    output: bytes = field(repr=False)
    errors: str

    @property
    def text(self) -> str:
        """The output as text, without surrounding whitespace."""
        return self.output.decode(errors="replace").strip()


@frozen(kw_only=True)
class Git:
    """Runs git for one fetch from one remote."""

    _binary: Path
    _process_manager: ProcessManager
    _limits: ResourceLimits
    _workspace: Path
    """
    A directory for this fetch only. Its `home`, git's home and working
    directory, stays empty.
    """
    remote: Remote

    @property
    def home(self) -> Path:
        """The working directory of git, which is always outside of the fetched repository."""
        return self._workspace / "home"

    def bare_repository(self, name: str) -> BareRepository:
        """Return the bare repository *name* of this fetch."""
        return BareRepository(self._workspace / f"{name}.git")

    async def run(self, *arguments: str) -> GitResult:
        """Run git to completion. Only the last 4 MiB of output are kept."""
        output = _Tail(_MAX_OUTPUT_BYTES)
        return await self._run(arguments, output.add, output)

    async def run_in(self, bare_repository: BareRepository, *arguments: str) -> GitResult:
        """Run git in *bare_repository*, like `run`."""
        return await self.run(f"--git-dir={bare_repository.path}", *arguments)

    async def stream(self, *arguments: str, on_output: Callable[[bytes], bool]) -> GitResult:
        """
        Run git and pass its output to *on_output*. Git is killed as soon as *on_output* returns
        False.
        """
        with anyio.CancelScope() as scope:

            def pass_on(chunk: bytes) -> None:
                if not scope.cancel_called and not on_output(chunk):
                    scope.cancel()

            return await self._run(arguments, pass_on, _Tail(0))
        return GitResult(exit=Exit(signal=9), output=b"", errors="")

    async def _run(
        self, arguments: tuple[str, ...], on_output: Callable[[bytes], None], output: "_Tail"
    ) -> GitResult:
        errors = _Tail(_MAX_ERROR_BYTES)
        ended = await self._process_manager.run(
            self._command(arguments), on_output=_split_output(on_output, errors.add)
        )
        text = self.remote.redacted(errors.kept.decode(errors="replace"))
        return GitResult(exit=ended, output=bytes(output.kept), errors=text)

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
        """
        The path of a configuration that accepts local repositories of other owners.

        `safe.directory` is only respected in a configuration file, not on the command line.
        """
        is_local = self.remote.url.scheme == "file"
        return str(self._workspace / "gitconfig") if is_local else "/dev/null"


def find_git() -> Path:
    """
    Return the path of git.

    Raises:
        SettingsError: If git is not installed.
    """
    found = shutil.which("git")
    if found is None:
        raise SettingsError("git was not found on PATH. Install git 2.37 or newer.")
    return Path(found).absolute()


def prepare_workspace(workspace: Path) -> None:
    """Create the directories and files of a fetch, replacing those of an interrupted one."""
    shutil.rmtree(workspace, ignore_errors=True)
    (workspace / "home").mkdir(mode=0o700, parents=True)
    workspace.chmod(0o700)
    (workspace / "gitconfig").write_text("[safe]\n\tdirectory = *\n")


@define
class _Tail:
    """Keeps the last bytes of its input."""

    _max_bytes: int
    kept: bytearray = field(factory=bytearray, init=False)

    def add(self, data: bytes) -> None:
        self.kept += data
        del self.kept[: -self._max_bytes or len(self.kept)]


def _split_output(
    on_output: Callable[[bytes], None], on_errors: Callable[[bytes], None]
) -> Callable[[OutputChunk], Awaitable[None]]:
    async def on_chunk(chunk: OutputChunk) -> None:
        is_error = chunk.stream is OutputStream.STDERR
        (on_errors if is_error else on_output)(chunk.data)

    return on_chunk
