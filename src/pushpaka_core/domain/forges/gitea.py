"""
What Gitea and Forgejo say.

https://docs.gitea.com/usage/repository/webhooks and https://forgejo.org/docs/latest/user/webhooks/
"""

from collections.abc import Sequence

from pushpaka_core.domain.forges.dialects import Dialect, signature
from pushpaka_core.domain.forges.events import (
    TAG,
    BranchDeleted,
    ForgeEvent,
    unknown,
)
from pushpaka_core.domain.forges.payloads import Payload
from pushpaka_core.domain.forges.proposals import read_proposal
from pushpaka_core.domain.forges.pushes import read_push
from pushpaka_core.domain.forges.statuses import (
    CommitStatus,
    ForgeCall,
    ForgeRepository,
    usual_body,
)


def _read(event: str, payload: Payload) -> Sequence[ForgeEvent]:
    match event:
        case "push":
            return [read_push(payload, counted_as="total_commits")]
        case "delete":
            return [_delete(payload)]
        case "pull_request" | "pull_request_sync":
            # The ref is another one where the branch is gone, or never was.
            return [read_proposal(payload, pushed="synchronized", named_by="label")]
        case _:
            return [unknown(event)]


def _delete(payload: Payload) -> ForgeEvent:
    if payload.text("ref_type") != "branch":
        return TAG
    return BranchDeleted(branch=payload.text("ref").removeprefix("refs/heads/"))


def _report(repository: ForgeRepository, status: CommitStatus) -> ForgeCall:
    """Return the call that https://docs.gitea.com/api/ names repoCreateStatus."""
    place = f"{repository.path}/statuses/{status.commit_sha}"
    return ForgeCall(
        url=f"{repository.origin}/api/v1/repos/{place}",
        headers={"Authorization": f"token {repository.password}"},
        body=usual_body(status),
    )


GITEA = Dialect(
    event_header="x-gitea-event",
    delivery_headers=("x-gitea-delivery", "x-forgejo-delivery"),
    proof_header="x-gitea-signature",
    prove=signature,
    read=_read,
    report=_report,
)
