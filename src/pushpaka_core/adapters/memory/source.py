"""A source with commits in memory, for tests without Git."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from anyio import CancelScope, fail_after, sleep_forever, to_thread
from attrs import define, field, frozen

from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.repository_urls import check_branch, check_commit_sha
from pushpaka_core.errors import PlatformFaultError, PushpakaError, SourceError
from pushpaka_core.ports.progress import Reporter
from pushpaka_core.ports.source import Checkout, SourceRequest


@frozen(kw_only=True)
class MemoryCommit:
    """A commit with all of its files."""

    sha: str
    message: str = "A commit"
    author: str = "Ada Lovelace"
    files: Mapping[str, str] = field(factory=dict)
    """File contents by path."""


Branches = dict[str, list[MemoryCommit]]
"""Commits by branch, newest last."""


@define(kw_only=True)
class MemorySource:
    """Serves commits from `repositories`, or fails or hangs, as configured."""

    repositories: dict[str, Branches] = field(factory=dict)
    """Branches by repository URL. You can change them at any time."""
    tokens: dict[str, str] = field(factory=dict, repr=False)
    """Git tokens of private repositories, by URL."""
    deploy_key_repositories: set[str] = field(factory=set)
    """URLs of private repositories that need a deploy key. Any key is accepted."""
    failure: PushpakaError | None = None
    """The error raised by every fetch, or None."""
    is_hanging: bool = False
    """Whether fetches hang until they are canceled or time out."""

    async def fetch(
        self,
        request: SourceRequest,
        directory: Path,
        /,
        *,
        timeout: timedelta,
        on_progress: Reporter,
    ) -> Checkout:
        """Write the files of the requested commit to *directory*."""
        try:
            with fail_after(timeout.total_seconds()):
                return await self._fetch(request, directory, on_progress)
        except TimeoutError:
            raise SourceError(
                f"The repository was not fetched within {timeout.total_seconds():g} seconds. Check "
                "that its server responds."
            ) from None

    async def remove_cache(self, project_id: ProjectId, /) -> None:
        """Do nothing: there is no cache."""

    async def _fetch(self, request: SourceRequest, directory: Path, report: Reporter) -> Checkout:
        await report(f"Fetching {request.branch} from {request.repo_url}")
        if self.is_hanging:
            await sleep_forever()
        if self.failure is not None:
            raise self.failure
        commit = self._find_commit(request)
        with CancelScope(shield=True):
            await to_thread.run_sync(_write, commit.files, directory)
        return Checkout(
            commit_sha=commit.sha,
            commit_message=commit.message,
            commit_author=commit.author,
            directory=directory,
        )

    def _find_commit(self, request: SourceRequest) -> MemoryCommit:
        _require_valid(request)
        commits = self._branch(request)
        if request.commit_sha is None:
            return commits[-1]
        match [commit for commit in commits if commit.sha.startswith(request.commit_sha)]:
            case [only]:
                return only
            case []:
                raise SourceError(
                    f"The commit {request.commit_sha} was not found on the branch "
                    f"{request.branch}. Check that it was pushed."
                )
            case _:
                raise SourceError(
                    f"Several commits start with {request.commit_sha}. Use a longer hash."
                )

    def _branch(self, request: SourceRequest) -> Sequence[MemoryCommit]:
        branches = self.repositories.get(request.repo_url)
        if branches is None:
            raise SourceError("There is no repository at this address. Check the repository URL.")
        if request.git_token != self.tokens.get(request.repo_url, request.git_token):
            raise SourceError("The Git token was rejected. Set a new git_token.")
        if request.deploy_key is None and request.repo_url in self.deploy_key_repositories:
            raise SourceError("The project has no deploy key. Create one.")
        if not branches.get(request.branch):
            named = ", ".join(list(branches)[:5])
            raise SourceError(
                f"The branch {request.branch} does not exist. Existing branches: {named}. Choose "
                "one of them, or push the branch first."
            )
        return branches[request.branch]


def _require_valid(request: SourceRequest) -> None:
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
        raise PlatformFaultError(
            f"The commit could not be stored: {error.strerror}. Check the free disk space."
        ) from error
    try:
        for path, content in files.items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
    except OSError:
        shutil.rmtree(directory, ignore_errors=True)
        raise
