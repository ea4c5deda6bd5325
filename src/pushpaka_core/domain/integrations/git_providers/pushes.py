"""Push events of Gitea and GitLab, which differ only in one key."""

from collections.abc import Iterator

from pushpaka_core.domain.integrations.git_providers.events import (
    TAG,
    BranchDeleted,
    BranchPushed,
    ProviderEvent,
)
from pushpaka_core.domain.integrations.git_providers.payloads import (
    Payload,
    branch_in,
    changed_paths,
)


def parse_push(payload: Payload, *, count_key: str) -> ProviderEvent:
    """
    Return the event of a push payload.

    Args:
        payload: The payload.
        count_key: The key of the number of commits.
    """
    branch, commit = branch_in(payload.string("ref")), payload.commit("after")
    if branch is None:
        return TAG
    if _is_zero_hash(commit):
        return BranchDeleted(branch=branch)
    return BranchPushed(
        branch=branch,
        commit_sha=commit,
        message=_message_of(payload.objects("commits"), commit) if payload.has("commits") else "",
        paths=_changed_files(payload, count_key),
    )


def _changed_files(payload: Payload, count_key: str) -> frozenset[str] | None:
    """Return the changed files, or None if the payload does not list all commits of the push."""
    is_new = _is_zero_hash(payload.string("before"))
    if is_new or not payload.has("commits") or not payload.has(count_key):
        return None
    commits = list(payload.objects("commits"))
    is_whole = 0 < len(commits) == payload.number(count_key)
    return changed_paths(iter(commits)) if is_whole else None


def _is_zero_hash(commit: str) -> bool:
    """Return True if *commit* is the all-zero hash, which stands for no commit."""
    return set(commit) == {"0"}


def _message_of(commits: Iterator[Payload], sha: str) -> str:
    """Return the message of the commit *sha*, or "" if it is not among *commits*."""
    return next((c.string("message") for c in commits if c.has("id") and c.string("id") == sha), "")
