"""
What Gitea and Forgejo say.

https://docs.gitea.com/usage/repository/webhooks and https://forgejo.org/docs/latest/user/webhooks/
"""

from collections.abc import Sequence

from pushpaka_core.domain.forges.dialects import Dialect, signature
from pushpaka_core.domain.forges.events import (
    TAG,
    BranchDeleted,
    BranchPushed,
    ForgeEvent,
    ProposalClosed,
    ProposalPushed,
    unknown,
)
from pushpaka_core.domain.forges.payloads import (
    Payload,
    branch_in,
    changed_paths,
    is_nothing,
    message_of,
)

_PUSHING = {"opened", "reopened", "synchronized"}


def _read(event: str, payload: Payload) -> Sequence[ForgeEvent]:
    match event:
        case "push":
            return [_push(payload)]
        case "delete":
            return [_delete(payload)]
        case "pull_request" | "pull_request_sync":
            return [_pull_request(payload)]
        case _:
            return [unknown(event)]


def _push(payload: Payload) -> ForgeEvent:
    branch, commit = branch_in(payload.text("ref")), payload.commit("after")
    if branch is None:
        return TAG
    if is_nothing(commit):
        return BranchDeleted(branch=branch)
    return BranchPushed(
        branch=branch,
        commit_sha=commit,
        message=message_of(payload.parts("commits"), commit) if payload.has("commits") else "",
        paths=_paths(payload),
    )


def _paths(payload: Payload) -> frozenset[str] | None:
    """Return the changed files, where each commit is told of and continues the one before."""
    if not payload.has("commits") or not payload.has("total_commits"):
        return None
    commits = list(payload.parts("commits"))
    if not commits or len(commits) != payload.number("total_commits"):
        return None
    return None if is_nothing(payload.text("before")) else changed_paths(iter(commits))


def _delete(payload: Payload) -> ForgeEvent:
    if payload.text("ref_type") != "branch":
        return TAG
    return BranchDeleted(branch=payload.text("ref").removeprefix("refs/heads/"))


def _pull_request(payload: Payload) -> ForgeEvent:
    action, request = payload.text("action"), payload.part("pull_request")
    number, head = payload.number("number"), request.part("head")
    is_of_fork = head.number("repo_id") != request.part("base").number("repo_id")
    if action == "closed":
        return ProposalClosed(number=number, branch=head.text("ref"), is_of_fork=is_of_fork)
    if action in _PUSHING:
        return ProposalPushed(
            number=number,
            branch=head.text("ref"),
            commit_sha=head.commit("sha"),
            is_of_fork=is_of_fork,
        )
    return unknown(f"pull_request {action}")


GITEA = Dialect(
    event_header="x-gitea-event",
    delivery_headers=("x-gitea-delivery", "x-forgejo-delivery"),
    proof_header="x-gitea-signature",
    prove=signature,
    read=_read,
)
