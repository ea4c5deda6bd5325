"""What forges are told of a commit, shown beside it: whether it is deployed, and where."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Self, TypeAlias

from attrs import field, frozen

from pushpaka_core.domain.sources import RepoUrl

_PATH = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)+")


class CommitState(StrEnum):
    """What has become of the deployment of a commit."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


@frozen(kw_only=True)
class CommitStatus:
    """One line beside a commit; a later one of the same context takes its place."""

    commit_sha: str
    state: CommitState
    context: str
    """Which line it is, as in "pushpaka/shop"."""
    description: str
    url: str
    """Where the commit answers, or would."""


@frozen(kw_only=True)
class ForgeRepository:
    """A repository as the API of its forge knows it."""

    origin: str
    """As in "https://git.example.com"."""
    host: str
    path: str
    """Owner and name, as in "ann/app"."""
    token: str = field(repr=False)

    @classmethod
    def of(cls, url: RepoUrl, token: str) -> Self | None:
        """Return the repository behind *url*, or None where no forge has it."""
        path = url.path.strip("/").removesuffix(".git")
        if not url.host or not _PATH.fullmatch(path):
            return None
        # A forge that is cloned from by SSH has its API where its pages are.
        web = RepoUrl(scheme="https", host=url.host, path="") if url.scheme == "ssh" else url
        return cls(origin=web.origin, host=url.host, path=path, token=token)

    @property
    def password(self) -> str:
        """Return the token without the account that git may want before it."""
        return self.token.rpartition(":")[2]


@frozen(kw_only=True)
class ForgeCall:
    """What a forge is to be sent."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, str]


StatusCall: TypeAlias = Callable[[ForgeRepository, CommitStatus], ForgeCall]
"""Says how the forge of a repository is told of a status."""

_USUAL_WORDS = {
    CommitState.PENDING: "pending",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failure",
    CommitState.CANCELLED: "error",
}


def usual_body(status: CommitStatus) -> Mapping[str, str]:
    """Return *status* in the form that GitHub has made up and Gitea has taken over."""
    return {
        "state": _USUAL_WORDS[status.state],
        "context": status.context,
        "description": status.description,
        "target_url": status.url,
    }
