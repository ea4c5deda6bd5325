"""Fetches source code from repositories."""

from datetime import timedelta
from pathlib import Path
from typing import Protocol

from attrs import field, frozen

from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.ports.progress import Reporter


@frozen(kw_only=True)
class SourceRequest:
    """A commit to fetch, with its repository and the credentials to read it."""

    repo_url: str
    branch: str
    commit_sha: str | None = None
    """The commit hash, 7 to 64 hex digits, or None for the newest commit of the branch."""
    is_from_fork: bool = False
    """
    Whether the commit is from a fork's pull request, so that it need not be on a branch of the
    repository.
    """
    git_token: str | None = field(default=None, repr=False)
    """The token to authenticate with over HTTPS, or None."""
    deploy_key: str | None = field(default=None, repr=False)
    """The private key to authenticate with over SSH, in OpenSSH format, or None."""
    project_id: ProjectId | None = None
    """The project whose repository cache speeds up the fetch, or None to fetch without one."""


@frozen(kw_only=True)
class Checkout:
    """The files of a commit in a directory, without Git metadata."""

    commit_sha: str
    """
    The full commit hash of 40 or 64 hex digits. For an uploaded archive, the SHA-256 of the
    archive.
    """
    commit_message: str
    commit_author: str
    directory: Path


class Source(Protocol):
    """Fetches commits from untrusted repositories."""

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
        Check out the files of a commit into *directory*, which must not exist yet.

        Exactly the requested commit is checked out. There is no fallback to another commit, and a
        commit that only exists in a fork is rejected unless `is_from_fork` is set. Nothing in the
        repository is executed. A fetch that fails or is canceled leaves no directory and no
        processes behind.

        Args:
            request: The repository and the commit.
            directory: The directory to create.
            timeout: The maximum duration of the fetch.
            on_progress: A callback that receives sentences about the progress, for the build log.

        Raises:
            SourceError: If the commit cannot be fetched. The message is meant for the project's
                owner.
            PlatformFaultError: If the host caused the failure, for example with a full disk.
        """
        ...

    async def remove_cache(self, project_id: ProjectId, /) -> None:
        """Delete the repository cache of a project. Idempotent."""
