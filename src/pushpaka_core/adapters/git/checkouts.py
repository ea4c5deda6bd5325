"""From a fetched commit to files in a directory, once it is known how many and how large."""

import re
from pathlib import Path

from anyio import create_task_group
from attrs import define, field, frozen

from pushpaka_core.adapters.git import failures
from pushpaka_core.adapters.git.commands import Git, Result
from pushpaka_core.adapters.git.commits import WANTED
from pushpaka_core.adapters.git.mirrors import Store
from pushpaka_core.domain.source_limits import SourceLimits
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.source import Checkout

_FORMAT = "--format=%H%x00%an%x00%B"
_MOST_MESSAGE = 2000
_LONGEST_ENTRY = 64 << 10
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")


@define
class Size:
    """Adds up the entries of a tree as git lists them, and notices when they are too many."""

    _limits: SourceLimits
    files: int = field(default=0, init=False)
    total_bytes: int = field(default=0, init=False)
    submodules: int = field(default=0, init=False)
    excess: str = field(default="", init=False)
    """Says which limit is passed, or nothing."""
    _depth: int = field(default=0, init=False)
    _rest: bytes = field(default=b"", init=False)

    def add(self, data: bytes) -> bool:
        """Take more of `ls-tree -r -l -z`; return whether it is still within the limits."""
        *entries, self._rest = (self._rest + data).split(b"\0")
        for entry in entries:
            self._count(entry)
        self.excess = self._judge()
        return not self.excess

    def _count(self, entry: bytes) -> None:
        facts, _, path = entry.partition(b"\t")
        _, kind, _, size = facts.split()
        self._depth = max(self._depth, path.count(b"/"))
        if kind == b"commit":
            self.submodules += 1
            return
        self.files += 1
        self.total_bytes += int(size)

    def _judge(self) -> str:
        if self.files > self._limits.files:
            return f"it has more than {self._limits.files:,} files"
        if self.total_bytes > self._limits.total_bytes:
            return f"its files have more than {self._limits.total_bytes:,} bytes"
        if self._depth > self._limits.depth:
            return f"its directories are nested more than {self._limits.depth} deep"
        if len(self._rest) > _LONGEST_ENTRY:
            return "it has a file name that is too long"
        return ""


@frozen(kw_only=True)
class Checkouts:
    """Looks at a commit in a store, and writes its files."""

    _git: Git
    _store: Store

    async def look(
        self, revision: str, directory: Path, limits: SourceLimits
    ) -> tuple[Checkout, Size]:
        """
        Return *revision* as it will be once it lies in *directory*, and how large its files are.

        Raises:
            SourceError: If it is no commit, but a tag or a tree, which git would check out as well;
                or as soon as its files are known to pass the limits.
        """
        size, listings = Size(limits), list[Result]()

        async def list_files() -> None:
            listing = ("ls-tree", "-r", "-l", "-z", revision, "--")
            listings.append(
                await self._git.stream(f"--git-dir={self._store.path}", *listing, each=size.add)
            )

        try:
            async with create_task_group() as tasks:
                tasks.start_soon(list_files)
                shown = await self._in("log", "--max-count=1", _FORMAT, revision, "--")
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        checkout = self._described(shown, revision, directory)
        if size.excess:
            raise failures.too_large(size.excess)
        self._require(listings[0])
        return checkout, size

    async def write(self, checkout: Checkout) -> None:
        """Write the files of *checkout*; no hook, no filter and no submodule takes part."""
        self._require(
            await self._in(
                f"--work-tree={checkout.directory}",
                "read-tree",
                "-u",
                "--reset",
                checkout.commit_sha,
            )
        )

    def _described(self, shown: Result, revision: str, directory: Path) -> Checkout:
        self._require(shown)
        sha, _, words = shown.text.partition("\0")
        author, _, message = words.partition("\0")
        if not sha or revision not in {sha, WANTED}:
            raise SourceError(f"{revision} is no commit. Give the hash of a commit.")
        return Checkout(
            commit_sha=sha,
            commit_message=_harmless(message),
            commit_author=_harmless(author),
            directory=directory,
        )

    async def _in(self, *arguments: str) -> Result:
        return await self._git.run(f"--git-dir={self._store.path}", *arguments)

    def _require(self, result: Result) -> None:
        if not result.exit.succeeded:
            raise failures.failure(result, self._git.remote)


def _harmless(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()[:_MOST_MESSAGE]
