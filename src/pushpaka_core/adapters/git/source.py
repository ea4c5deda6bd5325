"""Fetches commits from untrusted Git repositories with the git program."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from anyio import CancelScope, fail_after, to_thread
from attrs import evolve, field, frozen

from pushpaka_core.adapters.git import git_errors
from pushpaka_core.adapters.git.checkouts import CheckoutWriter, TreeSize
from pushpaka_core.adapters.git.commands import Git, find_git, prepare_workspace
from pushpaka_core.adapters.git.commits import CommitFetcher, FetchedCommit
from pushpaka_core.adapters.git.host_keys import HostKeys
from pushpaka_core.adapters.git.mirrors import BareRepository, Mirrors
from pushpaka_core.adapters.git.remotes import Remote, Resolve, resolve_host, resolve_remote
from pushpaka_core.adapters.git.ssh import open_ssh
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.repository_urls import check_branch, check_commit_sha
from pushpaka_core.domain.projects.sources import SourceLimits, SourcePolicy
from pushpaka_core.errors import PlatformFaultError, SourceError
from pushpaka_core.host.os_errors import translated_os_errors
from pushpaka_core.ports.processes import ProcessManager, ResourceLimits
from pushpaka_core.ports.progress import Reporter
from pushpaka_core.ports.source import Checkout, SourceRequest

_MIN_GIT_VERSION = (2, 37)
_MAX_MEMORY_BYTES = 4 << 30
_NOT_STORED = "The platform could not store the repository"


@frozen(kw_only=True)
class GitSource:
    """
    Fetches commits without trusting the repository, the server or the stored project data.

    URLs are validated again, against the current addresses in DNS.

    Args:
        process_manager: Runs git.
        policy: The repository URLs and networks that are allowed.
        limits: The maximum size of a checkout.
        resolve: Resolves host names.
        binary: The path of git.
        host_keys: The known ssh hosts.
        mirrors_directory: The private directory of mirrors. None fetches everything each time.
    """

    _process_manager: ProcessManager
    _policy: SourcePolicy = field(factory=SourcePolicy)
    _limits: SourceLimits = field(factory=SourceLimits)
    _resolve: Resolve = resolve_host
    _binary: Path = field(factory=find_git)
    _host_keys: HostKeys = field(factory=HostKeys)
    _mirrors_directory: Path | None = None
    _supported_binaries: set[Path] = field(factory=set, init=False)

    async def fetch(
        self,
        request: SourceRequest,
        directory: Path,
        /,
        *,
        timeout: timedelta,
        on_progress: Reporter,
    ) -> Checkout:
        """
        Check out the requested commit into *directory*.

        During the fetch, git's files are next to the directory.
        """
        _require_valid_names(request)
        seconds = timeout.total_seconds()
        try:
            with fail_after(seconds):
                return await self._fetch(request, directory, on_progress)
        except TimeoutError:
            raise git_errors.too_slow_error(seconds) from None

    async def remove_cache(self, project_id: ProjectId, /) -> None:
        """Delete the project's mirror."""
        if self._mirrors is not None:
            await to_thread.run_sync(self._mirrors.remove, project_id)

    async def _fetch(self, request: SourceRequest, directory: Path, report: Reporter) -> Checkout:
        remote = await resolve_remote(
            request.repo_url, request.git_token, policy=self._policy, resolve=self._resolve
        )
        async with (
            _created_directory(directory),
            _workspace(directory) as workspace,
            self._with_ssh(remote, request, workspace, report) as equipped,
        ):
            git = self._git(workspace, equipped)
            await self._require_recent_git(git)
            await report(f"Fetching {_commit_description(request)} from {remote.url.text}")
            async with self._open_mirror(request, remote) as mirror:
                if mirror is None or await to_thread.run_sync(mirror.hash_length) is None:
                    return await self._check_out(git, request, directory, mirror, report)
                return await self._check_out_with_mirror(mirror, git, request, directory, report)

    @asynccontextmanager
    async def _with_ssh(
        self, remote: Remote, request: SourceRequest, workspace: Path, report: Reporter
    ) -> AsyncIterator[Remote]:
        """Yield the remote with an ssh configuration, if it has an ssh URL."""
        if remote.url.scheme != "ssh":
            yield remote
            return
        key, host_keys = request.deploy_key, self._host_keys
        async with open_ssh(remote.url, key, workspace, host_keys, report) as ssh:
            yield evolve(remote, ssh=ssh)

    async def _check_out_with_mirror(
        self,
        mirror: BareRepository,
        git: Git,
        request: SourceRequest,
        directory: Path,
        report: Reporter,
    ) -> Checkout:
        """Fetch into a mirror. If the mirror seems damaged, fetch again without it."""
        try:
            return await self._check_out(git, request, directory, mirror, report)
        except git_errors.UnsoundRepositoryError:
            await report("The mirror of the repository is damaged. Fetching the whole repository.")
        await to_thread.run_sync(mirror.delete)
        await to_thread.run_sync(_empty, directory)
        return await self._check_out(git, request, directory, mirror, report)

    async def _check_out(
        self,
        git: Git,
        request: SourceRequest,
        directory: Path,
        mirror: BareRepository | None,
        report: Reporter,
    ) -> Checkout:
        fetched = await _fetch_with_redirect(git, request, mirror or git.bare_repository("objects"))
        checkout_writer = CheckoutWriter(git=git, bare_repository=fetched.bare_repository)
        checkout, size = await checkout_writer.inspect(fetched.revision, directory, self._limits)
        await report(_summary(checkout.commit_sha, size))
        await checkout_writer.write(checkout)
        return checkout

    @asynccontextmanager
    async def _open_mirror(
        self, request: SourceRequest, remote: Remote
    ) -> AsyncIterator[BareRepository | None]:
        mirrors = self._mirrors
        if mirrors is None or request.project_id is None:
            yield None
            return
        async with mirrors.open_mirror(request.project_id, remote.url.text) as mirror:
            yield mirror

    @property
    def _mirrors(self) -> Mirrors | None:
        if self._mirrors_directory is None:
            return None
        return Mirrors(self._mirrors_directory, self._limits.total_bytes)

    def _git(self, workspace: Path, remote: Remote) -> Git:
        limits = ResourceLimits(
            memory_bytes=_MAX_MEMORY_BYTES,
            cpu_seconds=120,
            file_bytes=self._limits.total_bytes,
            open_files=256,
        )
        return Git(
            binary=self._binary,
            process_manager=self._process_manager,
            limits=limits,
            workspace=workspace,
            remote=remote,
        )

    async def _require_recent_git(self, git: Git) -> None:
        """
        Raise PlatformFaultError if git is too old.

        Older versions silently ignore `http.curloptResolve`, which pins the address.
        """
        if self._binary in self._supported_binaries:
            return
        version_output = (await git.run("version")).text
        numbers = re.search(r"(\d+)\.(\d+)", version_output)
        if numbers is None or (int(numbers[1]), int(numbers[2])) < _MIN_GIT_VERSION:
            raise PlatformFaultError(
                f"git 2.37 or newer is required, but this host has {version_output[:50]}. Update "
                "git."
            )
        self._supported_binaries.add(self._binary)


async def _fetch_with_redirect(
    git: Git, request: SourceRequest, bare_repository: BareRepository
) -> FetchedCommit:
    """Fetch the commit. Append `.git` to the URL if the Git provider redirects."""
    try:
        return await _fetch_from(git, request, bare_repository)
    except git_errors.RedirectedError:
        remote = git.remote.with_git_suffix
        if remote is None:
            raise
    return await _fetch_from(evolve(git, remote=remote), request, bare_repository)


async def _fetch_from(
    git: Git, request: SourceRequest, bare_repository: BareRepository
) -> FetchedCommit:
    commit_fetcher = CommitFetcher(git=git, branch=request.branch)
    return await commit_fetcher.fetch(
        request.commit_sha, bare_repository=bare_repository, is_proposed=request.is_from_fork
    )


@asynccontextmanager
async def _created_directory(directory: Path) -> AsyncIterator[None]:
    """Create *directory*, and delete it again if the block fails."""
    with translated_os_errors(_NOT_STORED):
        await to_thread.run_sync(directory.mkdir)
    try:
        yield
    except BaseException:
        await _remove(directory)
        raise


@asynccontextmanager
async def _workspace(directory: Path) -> AsyncIterator[Path]:
    """Yield a new directory next to *directory*, which is deleted afterwards."""
    workspace = directory.with_name(f"{directory.name}.git")
    try:
        with translated_os_errors(_NOT_STORED):
            await to_thread.run_sync(prepare_workspace, workspace)
        yield workspace
    finally:
        await _remove(workspace)


def _empty(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()


async def _remove(directory: Path) -> None:
    with CancelScope(shield=True):
        await to_thread.run_sync(lambda: shutil.rmtree(directory, ignore_errors=True))


def _require_valid_names(request: SourceRequest) -> None:
    try:
        check_branch(request.branch)
        if request.commit_sha is not None:
            check_commit_sha(request.commit_sha)
    except ValueError as error:
        raise SourceError(f"The branch or the commit cannot be used: it {error}.") from None


def _commit_description(request: SourceRequest) -> str:
    if request.commit_sha is None:
        return f"the newest commit of {request.branch}"
    return f"commit {request.commit_sha} of {request.branch}"


def _summary(sha: str, size: TreeSize) -> str:
    text = f"Checking out {sha[:12]}: {size.files:,} files, {size.total_bytes:,} bytes"
    return f"{text}; submodules skipped: {size.submodules}" if size.submodules else text
