"""Pushes as Gitea and GitLab tell of them: alike, but for what they call a number."""

from collections.abc import Iterator

from pushpaka_core.domain.forges.events import TAG, BranchDeleted, BranchPushed, ForgeEvent
from pushpaka_core.domain.forges.payloads import Payload, branch_in, changed_paths


def read_push(payload: Payload, *, counted_as: str) -> ForgeEvent:
    """Return what a push did; *counted_as* is where the number of all its commits is."""
    branch, commit = branch_in(payload.text("ref")), payload.commit("after")
    if branch is None:
        return TAG
    if _is_nothing(commit):
        return BranchDeleted(branch=branch)
    return BranchPushed(
        branch=branch,
        commit_sha=commit,
        message=_message_of(payload.parts("commits"), commit) if payload.has("commits") else "",
        paths=_paths(payload, counted_as),
    )


def _paths(payload: Payload, counted_as: str) -> frozenset[str] | None:
    """Return the changed files, where each commit is told of: the oldest may be left out."""
    is_new = _is_nothing(payload.text("before"))
    if is_new or not payload.has("commits") or not payload.has(counted_as):
        return None
    commits = list(payload.parts("commits"))
    is_whole = 0 < len(commits) == payload.number(counted_as)
    return changed_paths(iter(commits)) if is_whole else None


def _is_nothing(commit: str) -> bool:
    """Tell whether *commit* is the hash that stands for none."""
    return set(commit) == {"0"}


def _message_of(commits: Iterator[Payload], sha: str) -> str:
    """Return the message of the commit *sha*, empty where it is not among *commits*."""
    return next((c.text("message") for c in commits if c.has("id") and c.text("id") == sha), "")
