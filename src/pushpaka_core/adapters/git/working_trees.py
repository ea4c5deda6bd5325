"""What a working tree of Git holds: what a commit of all of it would have, and where it stands."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Self

from anyio import to_thread
from attrs import evolve, frozen

from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import Command, Descriptor, OutputChunk, Processes

_OPTIONS = ("-c", "core.fsmonitor=false")
"""No monitor of files is started that the repository itself names."""
_LISTING = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
_TRACKED = ("ls-files", "-z", "--cached")
_STATUS = ("status", "--porcelain=v2", "--branch", "-z")
_REMOTES = ("remote", "--verbose")
_HOLDERS = ("for-each-ref", "--contains=HEAD", "--format=%(refname:lstrip=2)", "refs/remotes")
_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
_FETCHED = " (fetch)"


@frozen(kw_only=True)
class Standing:
    """What is checked out in a working tree."""

    branch: str | None
    """None where a commit is checked out without one."""
    commit: str | None
    """None before the first one."""
    changes: int
    """How many paths differ from the commit, those that are not tracked among them."""
    remotes: Mapping[str, str]
    """The addresses that are fetched from, by their names."""
    holders: Sequence[str] = ()
    """The branches of remotes that have the commit, as in origin/main, as far as git knows."""

    @classmethod
    def of(cls, status: str, remotes: str) -> Self:
        """Read what `git status` and `git remote` print."""
        parts = status.rstrip("\0").split("\0")
        told = dict(part[2:].split(" ", 1) for part in parts if part.startswith("# "))
        head, commit = told["branch.head"], told["branch.oid"]
        return cls(
            branch=None if head == "(detached)" else head,
            commit=None if commit == "(initial)" else commit,
            changes=len(list(_changed(parts))),
            remotes=dict(_addresses(remotes)),
        )


@frozen(kw_only=True)
class WorkingTree:
    """A directory under version control."""

    root: Path

    @classmethod
    def around(cls, directory: Path) -> "WorkingTree | None":
        """Return the innermost one that *directory* is in, or None where it is in none."""
        places = (directory, *directory.parents)
        found = next((place for place in places if (place / ".git").exists()), None)
        return None if found is None else cls(root=found)

    def inner(self, directory: Path) -> str:
        """Return where *directory* lies in it; empty for the root itself."""
        place = PurePosixPath(directory.relative_to(self.root))
        return "" if place == PurePosixPath() else str(place)

    async def paths(self, processes: Processes, git: Path) -> list[str]:
        """
        Return the paths of what is tracked and of what is not ignored.

        Raises:
            PlatformFaultError: If git refuses.
        """
        return await self._listed(processes, git, _LISTING)

    async def tracked(self, processes: Processes, git: Path) -> list[str]:
        """
        Return the paths of what is tracked.

        Raises:
            PlatformFaultError: If git refuses.
        """
        return await self._listed(processes, git, _TRACKED)

    async def standing(self, processes: Processes, git: Path) -> Standing:
        """
        Return what is checked out, and what remotes had of it when git last spoke to them.

        Raises:
            PlatformFaultError: If git refuses.
        """
        status = await self._printed(processes, git, _STATUS)
        remotes = await self._printed(processes, git, _REMOTES)
        standing = Standing.of(status, remotes)
        if standing.commit is None:
            return standing
        holders = await self._printed(processes, git, _HOLDERS)
        return evolve(standing, holders=holders.split())

    async def _listed(self, processes: Processes, git: Path, words: Sequence[str]) -> list[str]:
        printed = await self._printed(processes, git, words)
        return printed.rstrip("\0").split("\0")

    async def _printed(self, processes: Processes, git: Path, words: Sequence[str]) -> str:
        printed: dict[Descriptor, bytearray] = {each: bytearray() for each in Descriptor}

        async def keep(chunk: OutputChunk) -> None:
            printed[chunk.descriptor].extend(chunk.data)

        home = str(await to_thread.run_sync(Path.home))
        command = Command(
            argv=[str(git), *_OPTIONS, *words],
            directory=self.root,
            env={**_ENVIRONMENT, "PATH": f"{git.parent}:/usr/bin:/bin", "HOME": home},
        )
        ended = await processes.run(command, on_output=keep)
        if not ended.succeeded:
            said = printed[Descriptor.STDERR].decode(errors="replace").strip()
            raise PlatformFaultError(f"{self.root} cannot be read: git {ended.words}. {said}")
        return printed[Descriptor.STDOUT].decode(errors="surrogateescape")


def _changed(parts: Sequence[str]) -> Iterator[str]:
    """Yield what is changed; behind something renamed stands what it was called before."""
    rest = iter(parts)
    for part in rest:
        if part[:2] in {"1 ", "2 ", "u ", "? "}:
            yield part
        if part.startswith("2 "):
            next(rest)


def _addresses(printed: str) -> Iterator[tuple[str, str]]:
    for line in printed.splitlines():
        name, _, address = line.partition("\t")
        if _FETCHED in address:
            yield name, address.rpartition(_FETCHED)[0]
