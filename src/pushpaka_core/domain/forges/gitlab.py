"""
What GitLab says.

https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from collections.abc import Sequence
from urllib.parse import quote

from pushpaka_core.domain.forges.dialects import Dialect, token
from pushpaka_core.domain.forges.events import (
    TAG,
    ForgeEvent,
    ProposalClosed,
    ProposalPushed,
    unknown,
)
from pushpaka_core.domain.forges.payloads import Payload
from pushpaka_core.domain.forges.pushes import read_push
from pushpaka_core.domain.forges.statuses import (
    CommitState,
    CommitStatus,
    ForgeCall,
    ForgeRepository,
)


def _read(event: str, payload: Payload) -> Sequence[ForgeEvent]:
    match event:
        case "Push Hook":
            return [read_push(payload, counted_as="total_commits_count")]
        case "Tag Push Hook":
            return [TAG]
        case "Merge Request Hook":
            return [_merge_request(payload.part("object_attributes"))]
        case _:
            return [unknown(event)]


def _merge_request(request: Payload) -> ForgeEvent:
    action = request.text("action")
    # A fork may be gone already.
    source = request.number("source_project_id") if request.has("source_project_id") else None
    is_of_fork = source != request.number("target_project_id")
    number, branch = request.number("iid"), request.text("source_branch")
    if action in {"close", "merge"}:
        return ProposalClosed(number=number, branch=branch, is_of_fork=is_of_fork)
    is_opened = action in {"open", "reopen"}
    if is_opened or (action == "update" and request.has("oldrev")):
        commit = request.part("last_commit")
        return ProposalPushed(
            number=number,
            branch=branch,
            commit_sha=commit.commit("id"),
            message=commit.text("message") if commit.has("message") else "",
            is_of_fork=is_of_fork,
            is_opened=is_opened,
        )
    return unknown(f"merge_request {action}")


_STATES = {
    CommitState.PENDING: "pending",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failed",
    CommitState.CANCELLED: "canceled",
}


def _report(repository: ForgeRepository, status: CommitStatus) -> ForgeCall:
    """Return the call by https://docs.gitlab.com/api/commits/#set-commit-pipeline-status."""
    project = quote(repository.path, safe="")
    return ForgeCall(
        url=f"{repository.origin}/api/v4/projects/{project}/statuses/{status.commit_sha}",
        headers={"PRIVATE-TOKEN": repository.password},
        body={
            "state": _STATES[status.state],
            "name": status.context,
            "description": status.description,
            "target_url": status.url,
        },
    )


GITLAB = Dialect(
    event_header="x-gitlab-event",
    delivery_headers=("idempotency-key", "x-gitlab-event-uuid"),
    proof_header="x-gitlab-token",
    prove=token,
    read=_read,
    report=_report,
)
