"""
What Bitbucket Cloud says.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from pushpaka_core.domain.forges.dialects import Dialect, prefixed_signature
from pushpaka_core.domain.forges.events import (
    PING,
    TAG,
    BranchDeleted,
    BranchPushed,
    ForgeEvent,
    Ignored,
    ProposalClosed,
    ProposalPushed,
    unknown,
)
from pushpaka_core.domain.forges.payloads import Payload
from pushpaka_core.domain.forges.statuses import (
    CommitState,
    CommitStatus,
    ForgeCall,
    ForgeRepository,
)

_NOTHING = Ignored(reason="Nothing was pushed.")


def _read(event: str, payload: Payload) -> Sequence[ForgeEvent]:
    match event:
        case "diagnostics:ping":
            return [PING]
        case "repo:push":
            changes = payload.part("push").parts("changes")
            return [_change(change) for change in changes] or [_NOTHING]
        case "pullrequest:created" | "pullrequest:updated":
            is_opened = event == "pullrequest:created"
            return [_pushed(payload.part("pullrequest"), is_opened=is_opened)]
        case "pullrequest:fulfilled" | "pullrequest:rejected":
            return [_closed(payload.part("pullrequest"))]
        case _:
            return [unknown(event)]


def _change(change: Payload) -> ForgeEvent:
    is_there = change.has("new")
    if not is_there and not change.has("old"):
        return _NOTHING
    ref = change.part("new" if is_there else "old")
    if ref.text("type") not in {"branch", "named_branch"}:
        return TAG
    if not is_there:
        return BranchDeleted(branch=ref.text("name"))
    commit = ref.part("target")
    return BranchPushed(
        branch=ref.text("name"),
        commit_sha=commit.commit("hash"),
        message=commit.text("message") if commit.has("message") else "",
    )


def _pushed(request: Payload, *, is_opened: bool) -> ForgeEvent:
    source = request.part("source")
    return ProposalPushed(
        number=request.number("id"),
        branch=source.part("branch").text("name"),
        commit_sha=source.part("commit").commit("hash"),
        is_of_fork=_is_of_fork(request),
        is_opened=is_opened,
    )


def _closed(request: Payload) -> ForgeEvent:
    return ProposalClosed(
        number=request.number("id"),
        branch=request.part("source").part("branch").text("name"),
        is_of_fork=_is_of_fork(request),
    )


def _is_of_fork(request: Payload) -> bool:
    return _repository(request.part("source")) != _repository(request.part("destination"))


def _repository(end: Payload) -> str | None:
    """Return the repository of one end of a pull request; a fork may be gone already."""
    return end.part("repository").text("uuid") if end.has("repository") else None


_STATES = {
    CommitState.PENDING: "INPROGRESS",
    CommitState.SUCCESS: "SUCCESSFUL",
    CommitState.FAILURE: "FAILED",
    CommitState.CANCELLED: "STOPPED",
}
_LONGEST_KEY = 40


def _report(repository: ForgeRepository, status: CommitStatus) -> ForgeCall:
    """
    Return the call that Bitbucket names "create a build status for a commit".

    https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/
    """
    is_cloud = repository.host == "bitbucket.org"
    api = "https://api.bitbucket.org" if is_cloud else repository.origin
    place = f"{repository.path}/commit/{status.commit_sha}"
    return ForgeCall(
        url=f"{api}/2.0/repositories/{place}/statuses/build",
        headers={"Authorization": _authorization(repository.token)},
        body={
            "key": sha256(status.context.encode()).hexdigest()[:_LONGEST_KEY],
            "state": _STATES[status.state],
            "name": status.context,
            "description": status.description,
            "url": status.url,
        },
    )


def _authorization(token: str) -> str:
    """Return what proves who asks: an access token, or an account and its password."""
    is_pair = ":" in token and not token.startswith("x-token-auth:")
    if is_pair:
        return f"Basic {b64encode(token.encode()).decode()}"
    return f"Bearer {token.removeprefix('x-token-auth:')}"


BITBUCKET = Dialect(
    event_header="x-event-key",
    delivery_headers=("x-request-uuid",),
    proof_header="x-hub-signature",
    prove=prefixed_signature,
    read=_read,
    report=_report,
)
