"""
What GitHub says.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from collections.abc import Sequence

from pushpaka_core.domain.forges.dialects import Dialect, prefixed_signature
from pushpaka_core.domain.forges.events import (
    PING,
    TAG,
    BranchDeleted,
    BranchPushed,
    ForgeEvent,
    unknown,
)
from pushpaka_core.domain.forges.payloads import Payload, branch_in, changed_paths
from pushpaka_core.domain.forges.proposals import read_proposal
from pushpaka_core.domain.forges.statuses import (
    CommitStatus,
    ForgeCall,
    ForgeRepository,
    usual_body,
)

_MOST_COMMITS = 2048
"""GitHub tells of no more."""


def _read(event: str, payload: Payload) -> Sequence[ForgeEvent]:
    match event:
        case "ping":
            return [PING]
        case "push":
            return [_push(payload)]
        case "pull_request":
            return [read_proposal(payload, pushed="synchronize", named_by="ref")]
        case _:
            return [unknown(event)]


def _push(payload: Payload) -> ForgeEvent:
    branch = branch_in(payload.text("ref"))
    if branch is None:
        return TAG
    if payload.flag("deleted"):
        return BranchDeleted(branch=branch)
    return BranchPushed(
        branch=branch,
        commit_sha=payload.commit("after"),
        message=payload.part("head_commit").text("message") if payload.has("head_commit") else "",
        paths=_paths(payload),
    )


def _paths(payload: Payload) -> frozenset[str] | None:
    if payload.flag("created") or payload.flag("forced") or not payload.has("commits"):
        return None
    commits = list(payload.parts("commits"))
    return changed_paths(iter(commits)) if 0 < len(commits) < _MOST_COMMITS else None


def _report(repository: ForgeRepository, status: CommitStatus) -> ForgeCall:
    """Return the call by https://docs.github.com/en/rest/commits/statuses."""
    is_cloud = repository.host == "github.com"
    api = "https://api.github.com" if is_cloud else f"{repository.origin}/api/v3"
    return ForgeCall(
        url=f"{api}/repos/{repository.path}/statuses/{status.commit_sha}",
        headers={
            "Authorization": f"Bearer {repository.password}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        body=usual_body(status),
    )


GITHUB = Dialect(
    event_header="x-github-event",
    delivery_headers=("x-github-delivery",),
    proof_header="x-hub-signature-256",
    prove=prefixed_signature,
    read=_read,
    report=_report,
)
