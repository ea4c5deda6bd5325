"""
What Bitbucket Cloud says.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/
"""

from collections.abc import Sequence

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

_NOTHING = Ignored(reason="Nothing was pushed.")


def _read(event: str, payload: Payload) -> Sequence[ForgeEvent]:
    match event:
        case "diagnostics:ping":
            return [PING]
        case "repo:push":
            changes = payload.part("push").parts("changes")
            return [_change(change) for change in changes] or [_NOTHING]
        case "pullrequest:created" | "pullrequest:updated":
            return [_pushed(payload.part("pullrequest"))]
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


def _pushed(request: Payload) -> ForgeEvent:
    source = request.part("source")
    return ProposalPushed(
        number=request.number("id"),
        branch=source.part("branch").text("name"),
        commit_sha=source.part("commit").commit("hash"),
        is_of_fork=_is_of_fork(request),
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


BITBUCKET = Dialect(
    event_header="x-event-key",
    delivery_headers=("x-request-uuid",),
    proof_header="x-hub-signature",
    prove=prefixed_signature,
    read=_read,
)
