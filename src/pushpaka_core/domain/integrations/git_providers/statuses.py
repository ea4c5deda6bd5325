"""Commit statuses, which Git providers show next to a commit."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Self, TypeAlias

from attrs import field, frozen

from pushpaka_core.domain.projects.sources import RepoUrl

_PATH = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)+")


class CommitState(StrEnum):
    """The state of a commit status."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


@frozen(kw_only=True)
class CommitStatus:
    """A commit status. It replaces an earlier status with the same context."""

    commit_sha: str
    state: CommitState
    context: str
    """The name of the status, for example "pushpaka/shop"."""
    description: str
    url: str
    """The URL of the application, or of Pushpaka if the application has no address."""


@frozen(kw_only=True)
class ProviderRepository:
    """A repository in the API of its Git provider."""

    origin: str
    """Scheme, host and port, for example "https://git.example.com"."""
    host: str
    path: str
    """Owner and name, for example "ann/app"."""
    token: str = field(repr=False)

    @classmethod
    def of(cls, url: RepoUrl, token: str) -> Self | None:
        """Return the repository of a clone URL, or None for a local path."""
        path = url.path.strip("/").removesuffix(".git")
        if not url.host or not _PATH.fullmatch(path):
            return None
        # If the clone URL is an SSH one, the API is assumed at https:// on the same host.
        web = RepoUrl(scheme="https", host=url.host, path="") if url.scheme == "ssh" else url
        return cls(origin=web.origin, host=url.host, path=path, token=token)

    @property
    def password(self) -> str:
        """Return the token without the user name that some providers require for Git."""
        return self.token.rpartition(":")[2]


@frozen(kw_only=True)
class ApiRequest:
    """An HTTP request to the API of a Git provider."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, str]


BuildStatusRequest: TypeAlias = Callable[[ProviderRepository, CommitStatus], ApiRequest]
"""A function that builds the API request to set a commit status."""

_GITHUB_STATES = {
    CommitState.PENDING: "pending",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failure",
    CommitState.CANCELLED: "error",
}


def github_body(status: CommitStatus) -> Mapping[str, str]:
    """Return the request body in the format that GitHub and Gitea use."""
    return {
        "state": _GITHUB_STATES[status.state],
        "context": status.context,
        "description": status.description,
        "target_url": status.url,
    }
