"""Reads the state of a working tree: its files, branch, commit and remotes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Self

from anyio import to_thread
from attrs import evolve, frozen

from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.host.process_output import run_captured
from pushpaka_core.ports.processes import Command, ProcessManager

_OPTIONS = ("-c", "core.fsmonitor=false")
"""Prevents git from starting a file system monitor that the repository configures."""
_ALL_FILES = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
_TRACKED_FILES = ("ls-files", "-z", "--cached")
_STATUS = ("status", "--porcelain=v2", "--branch", "-z")
_REMOTES = ("remote", "--verbose")
_REMOTE_BRANCHES = (
    "for-each-ref",
    "--contains=HEAD",
    "--format=%(refname:lstrip=2)",
    "refs/remotes",
)
_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
_FETCHED = " (fetch)"


@frozen(kw_only=True)
class WorkingTreeState:
    """The branch, commit, changes and remotes of a working tree."""

    branch: str | None
    """The current branch, or None if HEAD is detached."""
    commit: str | None
    """The hash of the current commit, or None if there is no commit yet."""
    changes: int
    """The number of changed and untracked paths."""
    remotes: Mapping[str, str]
    """The fetch URLs of the remotes, by name."""
    remote_branches: Sequence[str] = ()
    """The remote-tracking branches that contain the commit, for example `origin/main`."""

    @classmethod
    def of(cls, status: str, remotes: str) -> Self:
        """Parse the output of `git status` and `git remote`."""
        parts = status.rstrip("\0").split("\0")
        headers = dict(part[2:].split(" ", 1) for part in parts if part.startswith("# "))
        head, commit = headers["branch.head"], headers["branch.oid"]
        return cls(
            branch=None if head == "(detached)" else head,
            commit=None if commit == "(initial)" else commit,
            changes=len(list(_changed_entries(parts))),
            remotes=dict(_fetch_urls(remotes)),
        )


@frozen(kw_only=True)
class WorkingTree:
    """A working tree of a Git repository."""

    root: Path

    @classmethod
    def find_containing(cls, directory: Path) -> "WorkingTree | None":
        """Return the innermost working tree that contains *directory*, or None."""
        places = (directory, *directory.parents)
        found = next((place for place in places if (place / ".git").exists()), None)
        return None if found is None else cls(root=found)

    def relative_path(self, directory: Path) -> str:
        """Return the path of *directory* relative to the root; empty for the root itself."""
        place = PurePosixPath(directory.relative_to(self.root))
        return "" if place == PurePosixPath() else str(place)

    async def paths(self, process_manager: ProcessManager, git: Path) -> list[str]:
        """
        Return the paths of all files that are tracked or not ignored.

        Raises:
            PlatformFaultError: If git fails.
        """
        return await self._list_paths(process_manager, git, _ALL_FILES)

    async def tracked_paths(self, process_manager: ProcessManager, git: Path) -> list[str]:
        """
        Return the paths of the tracked files.

        Raises:
            PlatformFaultError: If git fails.
        """
        return await self._list_paths(process_manager, git, _TRACKED_FILES)

    async def state(self, process_manager: ProcessManager, git: Path) -> WorkingTreeState:
        """
        Return the state of the working tree. Remote branches are those of the last fetch.

        Raises:
            PlatformFaultError: If git fails.
        """
        status = await self._run_git(process_manager, git, _STATUS)
        remotes = await self._run_git(process_manager, git, _REMOTES)
        standing = WorkingTreeState.of(status, remotes)
        if standing.commit is None:
            return standing
        holders = await self._run_git(process_manager, git, _REMOTE_BRANCHES)
        return evolve(standing, remote_branches=holders.split())

    async def _list_paths(
        self, process_manager: ProcessManager, git: Path, arguments: Sequence[str]
    ) -> list[str]:
        printed = await self._run_git(process_manager, git, arguments)
        return printed.rstrip("\0").split("\0")

    async def _run_git(
        self, process_manager: ProcessManager, git: Path, arguments: Sequence[str]
    ) -> str:
        home = str(await to_thread.run_sync(Path.home))
        command = Command(
            argv=[str(git), *_OPTIONS, *arguments],
            directory=self.root,
            env={**_ENVIRONMENT, "PATH": f"{git.parent}:/usr/bin:/bin", "HOME": home},
        )
        result = await run_captured(process_manager, command)
        if not result.exit.succeeded:
            raise PlatformFaultError(
                f"{self.root} cannot be read: git {result.exit.description}."
                f" {result.errors.strip()}"
            )
        return result.stdout.decode(errors="surrogateescape")


def _changed_entries(parts: Sequence[str]) -> Iterator[str]:
    """Yield the changed entries. The entry after a rename is the old path, which is skipped."""
    rest = iter(parts)
    for part in rest:
        if part[:2] in {"1 ", "2 ", "u ", "? "}:
            yield part
        if part.startswith("2 "):
            next(rest)


def _fetch_urls(output: str) -> Iterator[tuple[str, str]]:
    for line in output.splitlines():
        name, _, address = line.partition("\t")
        if _FETCHED in address:
            yield name, address.rpartition(_FETCHED)[0]
