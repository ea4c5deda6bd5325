"""Pull requests as GitHub tells of them, and Gitea, which has taken that over almost wholly."""

from pushpaka_core.domain.forges.events import (
    ForgeEvent,
    ProposalClosed,
    ProposalPushed,
    unknown,
)
from pushpaka_core.domain.forges.payloads import Payload

_OPENING = {"opened", "reopened"}


def read_proposal(payload: Payload, *, pushed: str, named_by: str) -> ForgeEvent:
    """Return what was done to a pull request; *pushed* is the word for new commits."""
    action, request = payload.text("action"), payload.part("pull_request")
    number, head = payload.number("number"), request.part("head")
    branch = head.text(named_by)
    is_of_fork = _repository(head) != _repository(request.part("base"))
    if action == "closed":
        return ProposalClosed(number=number, branch=branch, is_of_fork=is_of_fork)
    if action in {*_OPENING, pushed}:
        return ProposalPushed(
            number=number,
            branch=branch,
            commit_sha=head.commit("sha"),
            is_of_fork=is_of_fork,
            is_opened=action in _OPENING,
        )
    return unknown(f"pull_request {action}")


def _repository(end: Payload) -> int | None:
    """Return the repository of one end of a pull request; a fork may be gone already."""
    return end.part("repo").number("id") if end.has("repo") else None
