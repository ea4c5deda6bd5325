"""Commits from a mapping, for tests that need no Git."""

import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from anyio import CancelScope, fail_after, sleep_forever, to_thread
from attrs import define, field, frozen

from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.repository_names import check_branch, check_commit_sha
from pushpaka_core.errors import PlatformFaultError, PushpakaError, SourceError
from pushpaka_core.ports.source import Checkout, SourceRequest


@frozen(kw_only=True)
class MemoryCommit:
    """One commit, with all of its files."""

    sha: str
    message: str = "A commit"
    author: str = "Ada Lovelace"
    files: Mapping[str, str] = field(factory=dict)
    """Contents by path."""


Branches = dict[str, list[MemoryCommit]]
"""Commits by branch, the newest last."""


@define(kw_only=True)
class MemorySource:
    """Knows the repositories that it is given, and fails or hangs when it is told to."""

    repositories: dict[str, Branches] = field(factory=dict)
    """Branches by repository URL; they may be added to at any time."""
    tokens: dict[str, str] = field(factory=dict, repr=False)
    """The git tokens of private repositories, by URL."""
    closed: set[str] = field(factory=set)
    """The URLs of private repositories that any deploy key opens."""
    failure: PushpakaError | None = None
    """What every fetch raises while it is set."""
    is_hanging: bool = False
    """Whether fetches wait until they are cancelled or their time is over."""

    async def fetch(
        self,
        request: SourceRequest,
        directory: Path,
        /,
        *,
        timeout: timedelta,
        report: Callable[[str], Awaitable[None]],
    ) -> Checkout:
        """Write the wanted commit into *directory*."""
        try:
            with fail_after(timeout.total_seconds()):
                return await self._fetch(request, directory, report)
        except TimeoutError:
            raise SourceError(
                f"The repository did not arrive within {timeout.total_seconds():g} seconds."
            ) from None

    async def forget(self, project_id: ProjectId, /) -> None:
        """Take away nothing, since nothing is kept."""

    async def _fetch(
        self, request: SourceRequest, directory: Path, report: Callable[[str], Awaitable[None]]
    ) -> Checkout:
        await report(f"Fetching {request.branch} from {request.repo_url}")
        if self.is_hanging:
            await sleep_forever()
        if self.failure is not None:
            raise self.failure
        commit = self._wanted(request)
        with CancelScope(shield=True):
            await to_thread.run_sync(_write, commit.files, directory)
        return Checkout(
            commit_sha=commit.sha,
            commit_message=commit.message,
            commit_author=commit.author,
            directory=directory,
        )

    def _wanted(self, request: SourceRequest) -> MemoryCommit:
        _check(request)
        commits = self._branch(request)
        if request.commit_sha is None:
            return commits[-1]
        match [commit for commit in commits if commit.sha.startswith(request.commit_sha)]:
            case [only]:
                return only
            case []:
                raise SourceError(
                    f"The commit {request.commit_sha} was not found on the branch {request.branch}."
                )
            case _:
                raise SourceError(f"Several commits begin with {request.commit_sha}.")

    def _branch(self, request: SourceRequest) -> Sequence[MemoryCommit]:
        branches = self.repositories.get(request.repo_url)
        if branches is None:
            raise SourceError("There is no repository at this address. Check the repository URL.")
        if request.git_token != self.tokens.get(request.repo_url, request.git_token):
            raise SourceError("The git token is refused. Set a new git_token.")
        if request.deploy_key is None and request.repo_url in self.closed:
            raise SourceError("There is no deploy key. Make one for the project.")
        if not branches.get(request.branch):
            named = ", ".join(list(branches)[:5])
            raise SourceError(f"The branch {request.branch} does not exist. There are: {named}.")
        return branches[request.branch]


def _check(request: SourceRequest) -> None:
    try:
        check_branch(request.branch)
        if request.commit_sha is not None:
            check_commit_sha(request.commit_sha)
    except ValueError as error:
        raise SourceError(f"The branch or the commit cannot be used: it {error}.") from None


def _write(files: Mapping[str, str], directory: Path) -> None:
    try:
        directory.mkdir()
    except OSError as error:
        raise PlatformFaultError(f"The commit could not be stored: {error.strerror}.") from error
    try:
        for path, content in files.items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
    except OSError:
        shutil.rmtree(directory, ignore_errors=True)
        raise
