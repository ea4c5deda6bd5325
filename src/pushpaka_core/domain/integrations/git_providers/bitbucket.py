"""
The webhooks and commit status API of Bitbucket Cloud.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from pushpaka_core.domain.integrations.git_providers.events import (
    PING,
    TAG,
    BranchDeleted,
    BranchPushed,
    IgnoredEvent,
    ProviderEvent,
    PullRequestClosed,
    PullRequestUpdated,
    unsupported_event,
)
from pushpaka_core.domain.integrations.git_providers.payloads import Payload
from pushpaka_core.domain.integrations.git_providers.provider_apis import (
    ProviderApi,
    prefixed_signature,
)
from pushpaka_core.domain.integrations.git_providers.repositories import PayloadRepository
from pushpaka_core.domain.integrations.git_providers.statuses import (
    ApiRequest,
    CommitState,
    CommitStatus,
    ProviderRepository,
)

_NOTHING = IgnoredEvent(reason="Nothing was pushed.")


def _events(event: str, payload: Payload) -> Sequence[ProviderEvent]:
    match event:
        case "diagnostics:ping":
            return [PING]
        case "repo:push":
            changes = payload.nested_object("push").objects("changes")
            return [_change_event(change) for change in changes] or [_NOTHING]
        case "pullrequest:created" | "pullrequest:updated":
            is_opened = event == "pullrequest:created"
            return [_updated_event(payload.nested_object("pullrequest"), is_opened=is_opened)]
        case "pullrequest:fulfilled" | "pullrequest:rejected":
            return [_closed_event(payload.nested_object("pullrequest"))]
        case _:
            return [unsupported_event(event)]


def _change_event(change: Payload) -> ProviderEvent:
    is_there = change.has("new")
    if not is_there and not change.has("old"):
        return _NOTHING
    ref = change.nested_object("new" if is_there else "old")
    if ref.string("type") not in {"branch", "named_branch"}:
        return TAG
    if not is_there:
        return BranchDeleted(branch=ref.string("name"))
    commit = ref.nested_object("target")
    return BranchPushed(
        branch=ref.string("name"),
        commit_sha=commit.commit("hash"),
        message=commit.string("message") if commit.has("message") else "",
    )


def _updated_event(request: Payload, *, is_opened: bool) -> ProviderEvent:
    source = request.nested_object("source")
    return PullRequestUpdated(
        number=request.number("id"),
        branch=source.nested_object("branch").string("name"),
        commit_sha=source.nested_object("commit").commit("hash"),
        is_from_fork=_is_from_fork(request),
        is_opened=is_opened,
    )


def _closed_event(request: Payload) -> ProviderEvent:
    return PullRequestClosed(
        number=request.number("id"),
        branch=request.nested_object("source").nested_object("branch").string("name"),
        is_from_fork=_is_from_fork(request),
    )


def _is_from_fork(request: Payload) -> bool:
    return _repository(request.nested_object("source")) != _repository(
        request.nested_object("destination")
    )


def _repository(end: Payload) -> str | None:
    """Return the repository of one end of a pull request, or None if the fork was deleted."""
    return end.nested_object("repository").string("uuid") if end.has("repository") else None


def _read_repository(payload: Payload) -> PayloadRepository:
    if not payload.has("repository"):
        return PayloadRepository()
    repository = payload.nested_object("repository")
    links = repository.nested_object("links") if repository.has("links") else Payload({})
    page = links.nested_object("html") if links.has("html") else Payload({})
    return PayloadRepository(
        full_name=repository.string("full_name") if repository.has("full_name") else "",
        addresses=(page.string("href"),) if page.has("href") else (),
    )


_STATES = {
    CommitState.PENDING: "INPROGRESS",
    CommitState.SUCCESS: "SUCCESSFUL",
    CommitState.FAILURE: "FAILED",
    CommitState.CANCELLED: "STOPPED",
}
_MAX_KEY_LENGTH = 40


def _status_request(repository: ProviderRepository, status: CommitStatus) -> ApiRequest:
    """
    Return the API call that creates a build status for a commit.

    https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/
    """
    is_cloud = repository.host == "bitbucket.org"
    api = "https://api.bitbucket.org" if is_cloud else repository.origin
    place = f"{repository.path}/commit/{status.commit_sha}"
    return ApiRequest(
        url=f"{api}/2.0/repositories/{place}/statuses/build",
        headers={"Authorization": _authorization(repository.token)},
        body={
            "key": sha256(status.context.encode()).hexdigest()[:_MAX_KEY_LENGTH],
            "state": _STATES[status.state],
            "name": status.context,
            "description": status.description,
            "url": status.url,
        },
    )


def _authorization(token: str) -> str:
    """Return the Authorization header for an access token, or for a user name and app password."""
    is_pair = ":" in token and not token.startswith("x-token-auth:")
    if is_pair:
        return f"Basic {b64encode(token.encode()).decode()}"
    return f"Bearer {token.removeprefix('x-token-auth:')}"


BITBUCKET = ProviderApi(
    event_header="x-event-key",
    signature_header="x-hub-signature",
    expected_signature=prefixed_signature,
    parse_events=_events,
    parse_repository=_read_repository,
    status_request=_status_request,
)
