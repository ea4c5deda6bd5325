"""Commits from Git repositories, fetched by the git program."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from anyio import CancelScope, fail_after, to_thread
from attrs import evolve, field, frozen

from pushpaka_core.adapters.git import failures
from pushpaka_core.adapters.git.checkouts import Checkouts, Size
from pushpaka_core.adapters.git.commands import Git, find_git, prepare
from pushpaka_core.adapters.git.commits import Commits, Fetched
from pushpaka_core.adapters.git.host_keys import HostKeys, Report
from pushpaka_core.adapters.git.mirrors import Mirrors, Store
from pushpaka_core.adapters.git.remotes import Remote, Resolve, look_up, reach
from pushpaka_core.adapters.git.ssh import open_ssh
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.repository_names import check_branch, check_commit_sha
from pushpaka_core.domain.source_limits import SourceLimits
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.errors import PlatformFaultError, SourceError
from pushpaka_core.ports.processes import Limits, Processes
from pushpaka_core.ports.source import Checkout, SourceRequest

_OLDEST_GIT = (2, 37)
_MOST_MEMORY = 4 << 30


@frozen(kw_only=True)
class GitSource:
    """
    Trusts neither the repository, nor its server, nor the row that names them.

    Whatever the API has judged by its form is judged again here, with the
    addresses that DNS has for it now. With a `mirrors_directory` what was fetched
    for a project is kept there, for the platform's eyes only.
    """

    _processes: Processes
    _policy: SourcePolicy = field(factory=SourcePolicy)
    _limits: SourceLimits = field(factory=SourceLimits)
    _resolve: Resolve = look_up
    _binary: Path = field(factory=find_git)
    _host_keys: HostKeys = field(factory=HostKeys)
    _mirrors_directory: Path | None = None
    _recent: set[Path] = field(factory=set, init=False)

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

    async def forget(self, project_id: ProjectId, /) -> None:
        """Remove the project's mirror."""
        if self._mirrors is not None:
            await to_thread.run_sync(self._mirrors.remove, project_id)

    async def _fetch(self, request: SourceRequest, directory: Path, report: Report) -> Checkout:
        remote = await reach(
            request.repo_url, request.git_token, policy=self._policy, resolve=self._resolve
        )
        async with (
            _made(directory),
            _workspace(directory) as workspace,
            self._equipped(remote, request, workspace, report) as equipped,
        ):
            git = self._git(workspace, equipped)
            await self._require_recent(git)
            await report(f"Fetching {_described(request)} from {remote.url.text}")
            async with self._lent(request, remote) as mirror:
                if mirror is None or await to_thread.run_sync(mirror.digits) is None:
                    return await self._take(git, request, directory, mirror, report)
                return await self._take_with(mirror, git, request, directory, report)

    @asynccontextmanager
    async def _equipped(
        self, remote: Remote, request: SourceRequest, workspace: Path, report: Report
    ) -> AsyncIterator[Remote]:
        """Give a remote what ssh needs, where that is how it is reached."""
        if remote.url.scheme != "ssh":
            yield remote
            return
        key, host_keys = request.deploy_key, self._host_keys
        async with open_ssh(remote.url, key, workspace, host_keys, report) as ssh:
            yield evolve(remote, ssh=ssh)

    async def _take_with(
        self, mirror: Store, git: Git, request: SourceRequest, directory: Path, report: Report
    ) -> Checkout:
        """Take what is new; a mirror that may be damaged is made anew."""
        try:
            return await self._take(git, request, directory, mirror, report)
        except failures.UnsoundError:
            await report("What was kept of the repository is of no use. All of it is fetched anew.")
        await to_thread.run_sync(mirror.discard)
        await to_thread.run_sync(_empty, directory)
        return await self._take(git, request, directory, mirror, report)

    async def _take(
        self,
        git: Git,
        request: SourceRequest,
        directory: Path,
        mirror: Store | None,
        report: Report,
    ) -> Checkout:
        fetched = await _fetched(git, request, mirror or git.store("objects"))
        checkouts = Checkouts(git=git, store=fetched.store)
        checkout, size = await checkouts.look(fetched.revision, directory, self._limits)
        await report(_summary(checkout.commit_sha, size))
        await checkouts.write(checkout)
        return checkout

    @asynccontextmanager
    async def _lent(self, request: SourceRequest, remote: Remote) -> AsyncIterator[Store | None]:
        mirrors = self._mirrors
        if mirrors is None or request.project_id is None:
            yield None
            return
        async with mirrors.lend(request.project_id, remote.url.text) as mirror:
            yield mirror

    @property
    def _mirrors(self) -> Mirrors | None:
        if self._mirrors_directory is None:
            return None
        return Mirrors(self._mirrors_directory, self._limits.total_bytes)

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
        if self._binary in self._recent:
            return
        said = (await git.run("version")).text
        numbers = re.search(r"(\d+)\.(\d+)", said)
        if numbers is None or (int(numbers[1]), int(numbers[2])) < _OLDEST_GIT:
            raise PlatformFaultError(f"git 2.37 or newer is needed, and there is: {said[:50]}.")
        self._recent.add(self._binary)


async def _fetched(git: Git, request: SourceRequest, store: Store) -> Fetched:
    """Fetch; some forges know a repository only with .git behind its address."""
    try:
        return await _fetched_from(git, request, store)
    except failures.RedirectedError:
        remote = git.remote.suffixed
        if remote is None:
            raise
    return await _fetched_from(evolve(git, remote=remote), request, store)


async def _fetched_from(git: Git, request: SourceRequest, store: Store) -> Fetched:
    commits = Commits(git=git, branch=request.branch)
    return await commits.fetch(request.commit_sha, store=store, is_proposed=request.is_proposed)


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


def _empty(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()


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
    return f"{text}; submodules are left out: {size.submodules}" if size.submodules else text
