"""Commits from Git repositories, fetched by the git program."""

import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from anyio import CancelScope, fail_after, to_thread
from attrs import evolve, field, frozen

from pushpaka_core.adapters.git import failures
from pushpaka_core.adapters.git.checkouts import Checkouts, Size, SourceLimits
from pushpaka_core.adapters.git.commands import Git, find_git, prepare
from pushpaka_core.adapters.git.commits import Commits
from pushpaka_core.adapters.git.remotes import Remote, Resolve, look_up, reach
from pushpaka_core.domain.sources import SourcePolicy, check_branch, check_commit_sha
from pushpaka_core.errors import PlatformFaultError, SourceError
from pushpaka_core.ports.processes import Limits, Processes
from pushpaka_core.ports.source import Checkout, SourceRequest

Report = Callable[[str], Awaitable[None]]

_OLDEST_GIT = (2, 37)
_MOST_MEMORY = 4 << 30


@frozen(kw_only=True)
class GitSource:
    """
    Trusts neither the repository, nor its server, nor the row that names them.

    Whatever the API has judged by its form is judged again here, with the
    addresses that DNS has for it now.
    """

    _processes: Processes
    _policy: SourcePolicy = field(factory=SourcePolicy)
    _limits: SourceLimits = field(factory=SourceLimits)
    _resolve: Resolve = look_up
    _binary: Path = field(factory=find_git)

    async def fetch(
        self,
        request: SourceRequest,
        directory: Path,
        /,
        *,
        timeout: timedelta,
        report: Report,
    ) -> Checkout:
        """Put the wanted commit into *directory*; git's own files lie beside it meanwhile."""
        _check(request)
        seconds = timeout.total_seconds()
        try:
            with fail_after(seconds):
                return await self._fetch(request, directory, report)
        except TimeoutError:
            raise failures.too_slow(seconds) from None

    async def _fetch(self, request: SourceRequest, directory: Path, report: Report) -> Checkout:
        remote = await reach(
            request.repo_url, request.git_token, policy=self._policy, resolve=self._resolve
        )
        async with _made(directory), _workspace(directory) as workspace:
            git = self._git(workspace, remote)
            await self._require_recent(git)
            await report(f"Fetching {_described(request)} from {remote.url.text}")
            store = git.store("objects")
            revision = await _fetched(git, request, store)
            checkouts = Checkouts(git=git, store=store)
            checkout = await checkouts.describe(revision, directory)
            size = await checkouts.measure(checkout.commit_sha, self._limits)
            await report(_summary(checkout.commit_sha, size))
            await checkouts.write(checkout)
            return checkout

    def _git(self, workspace: Path, remote: Remote) -> Git:
        limits = Limits(
            memory_bytes=_MOST_MEMORY,
            cpu_seconds=120,
            file_bytes=self._limits.total_bytes,
            open_files=256,
        )
        return Git(
            binary=self._binary,
            processes=self._processes,
            limits=limits,
            workspace=workspace,
            remote=remote,
        )

    async def _require_recent(self, git: Git) -> None:
        """An older git would not pin the address that was judged, and say nothing about it."""
        said = (await git.run("version")).text
        numbers = re.search(r"(\d+)\.(\d+)", said)
        if numbers is None or (int(numbers[1]), int(numbers[2])) < _OLDEST_GIT:
            raise PlatformFaultError(f"git 2.37 or newer is needed, and there is: {said[:50]}.")


async def _fetched(git: Git, request: SourceRequest, store: str) -> str:
    """Fetch; some forges know a repository only with .git behind its address."""
    try:
        return await _fetched_from(git, request, store)
    except failures.RedirectedError:
        remote = git.remote.suffixed
        if remote is None:
            raise
    return await _fetched_from(evolve(git, remote=remote), request, store)


async def _fetched_from(git: Git, request: SourceRequest, store: str) -> str:
    commits = Commits(git=git, branch=request.branch)
    return await commits.fetch(request.commit_sha, tip=await commits.tip(), store=store)


@asynccontextmanager
async def _made(directory: Path) -> AsyncIterator[None]:
    """Make *directory*, and take it away again unless all went well."""
    try:
        await to_thread.run_sync(directory.mkdir)
    except OSError as error:
        raise _host_fault(error) from error
    try:
        yield
    except BaseException:
        await _remove(directory)
        raise


@asynccontextmanager
async def _workspace(directory: Path) -> AsyncIterator[Path]:
    """Lend a directory beside *directory* that is gone afterwards."""
    workspace = directory.with_name(f"{directory.name}.git")
    try:
        await _prepared(workspace)
        yield workspace
    finally:
        await _remove(workspace)


async def _prepared(workspace: Path) -> None:
    try:
        await to_thread.run_sync(prepare, workspace)
    except OSError as error:
        raise _host_fault(error) from error


async def _remove(directory: Path) -> None:
    with CancelScope(shield=True):
        await to_thread.run_sync(lambda: shutil.rmtree(directory, ignore_errors=True))


def _host_fault(error: OSError) -> PlatformFaultError:
    return PlatformFaultError(f"The platform could not store the repository: {error.strerror}.")


def _check(request: SourceRequest) -> None:
    try:
        check_branch(request.branch)
        if request.commit_sha is not None:
            check_commit_sha(request.commit_sha)
    except ValueError as error:
        raise SourceError(f"The branch or the commit cannot be used: it {error}.") from None


def _described(request: SourceRequest) -> str:
    if request.commit_sha is None:
        return f"the newest commit of {request.branch}"
    return f"commit {request.commit_sha} of {request.branch}"


def _summary(sha: str, size: Size) -> str:
    text = f"Checking out {sha[:12]}: {size.files:,} files, {size.total_bytes:,} bytes"
    return f"{text}; {size.submodules} submodules are left out" if size.submodules else text
