"""Where the code comes from."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from attrs import field, frozen

from pushpaka_core.domain.projects import ProjectId


@frozen(kw_only=True)
class SourceRequest:
    """Which commit is wanted, as the project and the deployment name it."""

    repo_url: str
    branch: str
    commit_sha: str | None = None
    """7 to 64 hex digits, or None for the newest commit of the branch."""
    is_proposed: bool = False
    """Whether a forge has told of the commit as one of a fork, which no branch has to have."""
    git_token: str | None = field(default=None, repr=False)
    deploy_key: str | None = field(default=None, repr=False)
    """The private half of an ssh key pair, as OpenSSH keeps it."""
    project_id: ProjectId | None = None
    """For which project commits may be kept, so that the next fetch is shorter."""


@frozen(kw_only=True)
class Checkout:
    """A commit whose files lie in a directory, without any history beside them."""

    commit_sha: str
    """All 40 (or 64) digits; of an archive, its own hash."""
    commit_message: str
    commit_author: str
    directory: Path


class Source(Protocol):
    """Fetches commits from repositories that nobody has reason to trust."""

    async def fetch(
        self,
        request: SourceRequest,
        directory: Path,
        /,
        *,
        timeout: timedelta,
        report: Callable[[str], Awaitable[None]],
    ) -> Checkout:
        """
        Put the files of the wanted commit into *directory*, which is made and must not exist.

        The commit is the wanted one or none: it never falls back to another, and takes
        none that is only in a fork of the repository.
        Nothing in the repository is executed. *report* is told in sentences what
        is going on. A failed or cancelled fetch leaves no directory and no process.

        Raises:
            SourceError: With a sentence for the project's owner.
            PlatformFaultError: If the host is at fault, as with a full disk.
        """
        ...

    async def forget(self, project_id: ProjectId, /) -> None:
        """Take away what is kept for a project. Harmless to repeat."""
