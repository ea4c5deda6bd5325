"""Checks out a fetched commit, after checking the number and size of its files."""

import re
from pathlib import Path

from anyio import create_task_group
from attrs import define, field, frozen

from pushpaka_core.adapters.git import git_errors
from pushpaka_core.adapters.git.commands import Git, GitResult
from pushpaka_core.adapters.git.commits import WANTED
from pushpaka_core.adapters.git.mirrors import BareRepository
from pushpaka_core.domain.projects.sources import SourceLimits
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.source import Checkout

_FORMAT = "--format=%H%x00%an%x00%B"
_MAX_MESSAGE_LENGTH = 2000
_MAX_ENTRY_BYTES = 64 << 10
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")


@define
class TreeSize:
    """Counts the entries of a tree from the output of `git ls-tree`."""

    _limits: SourceLimits
    files: int = field(default=0, init=False)
    total_bytes: int = field(default=0, init=False)
    submodules: int = field(default=0, init=False)
    exceeded_limit: str = field(default="", init=False)
    """The exceeded limit, as a clause for a message. Empty if no limit is exceeded."""
    _depth: int = field(default=0, init=False)
    _rest: bytes = field(default=b"", init=False)

    def add(self, data: bytes) -> bool:
        """Count more output of `ls-tree -r -l -z`. Return False once a limit is exceeded."""
        *entries, self._rest = (self._rest + data).split(b"\0")
        for entry in entries:
            self._count(entry)
        self.exceeded_limit = self._find_exceeded_limit()
        return not self.exceeded_limit

    def _count(self, entry: bytes) -> None:
        facts, _, path = entry.partition(b"\t")
        _, kind, _, size = facts.split()
        self._depth = max(self._depth, path.count(b"/"))
        if kind == b"commit":
            self.submodules += 1
            return
        self.files += 1
        self.total_bytes += int(size)

    def _find_exceeded_limit(self) -> str:
        if self.files > self._limits.files:
            return f"it has more than {self._limits.files:,} files"
        if self.total_bytes > self._limits.total_bytes:
            return f"its files total more than {self._limits.total_bytes:,} bytes"
        if self._depth > self._limits.depth:
            return f"its directories are nested more than {self._limits.depth} levels deep"
        if len(self._rest) > _MAX_ENTRY_BYTES:
            return "it has a file name that is too long"
        return ""


@frozen(kw_only=True)
class CheckoutWriter:
    """Inspects commits in a bare repository and writes their files."""

    _git: Git
    _bare_repository: BareRepository

    async def inspect(
        self, revision: str, directory: Path, limits: SourceLimits
    ) -> tuple[Checkout, TreeSize]:
        """
        Return the commit *revision*, for a checkout in *directory*, and the size of its files.

        Raises:
            SourceError: If *revision* is not a commit (git would also check out tags and trees), or
                if its files exceed *limits*. The listing stops as soon as a limit is exceeded.
            PlatformFaultError: If git fails because of the host.
        """
        size, listings = TreeSize(limits), list[GitResult]()

        async def list_files() -> None:
            listing = ("ls-tree", "-r", "-l", "-z", revision, "--")
            listings.append(
                await self._git.stream(
                    f"--git-dir={self._bare_repository.path}", *listing, on_output=size.add
                )
            )

        try:
            async with create_task_group() as tasks:
                tasks.start_soon(list_files)
                shown = await self._git.run_in(
                    self._bare_repository, "log", "--max-count=1", _FORMAT, revision, "--"
                )
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        checkout = self._to_checkout(shown, revision, directory)
        if size.exceeded_limit:
            raise git_errors.too_large_error(size.exceeded_limit)
        git_errors.require_success(listings[0], self._git.remote)
        return checkout, size

    async def write(self, checkout: Checkout) -> None:
        """Write the files of *checkout*, without hooks, filters and submodules."""
        tree = (f"--work-tree={checkout.directory}", "read-tree", "-u", "--reset")
        result = await self._git.run_in(self._bare_repository, *tree, checkout.commit_sha)
        git_errors.require_success(result, self._git.remote)

    def _to_checkout(self, result: GitResult, revision: str, directory: Path) -> Checkout:
        git_errors.require_success(result, self._git.remote)
        sha, _, words = result.text.partition("\0")
        author, _, message = words.partition("\0")
        if not sha or revision not in {sha, WANTED}:
            raise SourceError(f"{revision} is not a commit. Use the hash of a commit.")
        return Checkout(
            commit_sha=sha,
            commit_message=_sanitized(message),
            commit_author=_sanitized(author),
            directory=directory,
        )


def _sanitized(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()[:_MAX_MESSAGE_LENGTH]
