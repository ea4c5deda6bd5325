"""
What GitLab says.

https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from collections.abc import Sequence

from pushpaka_core.domain.forges.dialects import Dialect, token
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


def _read(event: str, payload: Payload) -> Sequence[ForgeEvent]:
    match event:
        case "Push Hook":
            return [_push(payload)]
        case "Tag Push Hook":
            return [TAG]
        case "Merge Request Hook":
            return [_merge_request(payload.part("object_attributes"))]
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
    """Return the changed files; GitLab tells of the newest 20 commits of a push at most."""
    if not payload.has("commits") or is_nothing(payload.text("before")):
        return None
    commits = list(payload.parts("commits"))
    is_whole = 0 < len(commits) == payload.number("total_commits_count")
    return changed_paths(iter(commits)) if is_whole else None


def _merge_request(request: Payload) -> ForgeEvent:
    action = request.text("action")
    is_of_fork = request.number("source_project_id") != request.number("target_project_id")
    number, branch = request.number("iid"), request.text("source_branch")
    if action in {"close", "merge"}:
        return ProposalClosed(number=number, branch=branch, is_of_fork=is_of_fork)
    if action in {"open", "reopen"} or (action == "update" and request.has("oldrev")):
        commit = request.part("last_commit")
        return ProposalPushed(
            number=number,
            branch=branch,
            commit_sha=commit.commit("id"),
            message=commit.text("message") if commit.has("message") else "",
            is_of_fork=is_of_fork,
        )
    return unknown(f"merge_request {action}")


GITLAB = Dialect(
    event_header="x-gitlab-event",
    delivery_headers=("idempotency-key", "x-gitlab-event-uuid"),
    proof_header="x-gitlab-token",
    prove=token,
    read=_read,
)
