"""Pull request events of GitHub and Gitea, which have nearly the same format."""

from pushpaka_core.domain.integrations.git_providers.events import (
    ProviderEvent,
    PullRequestClosed,
    PullRequestUpdated,
    unsupported_event,
)
from pushpaka_core.domain.integrations.git_providers.payloads import Payload

_OPENING = {"opened", "reopened"}


def parse_pull_request(payload: Payload, *, updated_action: str, branch_key: str) -> ProviderEvent:
    """
    Return the event of a pull request payload.

    Args:
        payload: The payload.
        updated_action: The name of the action for new commits.
        branch_key: The key of the name of the source branch.
    """
    action, request = payload.string("action"), payload.nested_object("pull_request")
    number, head = payload.number("number"), request.nested_object("head")
    branch = head.string(branch_key)
    is_from_fork = _repository(head) != _repository(request.nested_object("base"))
    if action == "closed":
        return PullRequestClosed(number=number, branch=branch, is_from_fork=is_from_fork)
    if action in {*_OPENING, updated_action}:
        return PullRequestUpdated(
            number=number,
            branch=branch,
            commit_sha=head.commit("sha"),
            is_from_fork=is_from_fork,
            is_opened=action in _OPENING,
        )
    return unsupported_event(f"pull_request {action}")


def _repository(end: Payload) -> int | None:
    """Return the repository of one end of a pull request, or None if the fork was deleted."""
    return end.nested_object("repo").number("id") if end.has("repo") else None
