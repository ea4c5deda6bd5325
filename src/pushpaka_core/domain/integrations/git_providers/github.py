"""
The webhooks and commit status API of GitHub.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from collections.abc import Sequence

from pushpaka_core.domain.integrations.git_providers.events import (
    PING,
    TAG,
    BranchDeleted,
    BranchPushed,
    ProviderEvent,
    unsupported_event,
)
from pushpaka_core.domain.integrations.git_providers.payloads import (
    Payload,
    branch_in,
    changed_paths,
)
from pushpaka_core.domain.integrations.git_providers.provider_apis import (
    ProviderApi,
    prefixed_signature,
)
from pushpaka_core.domain.integrations.git_providers.pull_requests import parse_pull_request
from pushpaka_core.domain.integrations.git_providers.registries import parse_package
from pushpaka_core.domain.integrations.git_providers.repositories import read_repository
from pushpaka_core.domain.integrations.git_providers.statuses import (
    ApiRequest,
    CommitStatus,
    ProviderRepository,
    github_body,
)

_MAX_COMMITS = 2048
"""The maximum number of commits in a payload. GitHub omits any others."""


def _events(event: str, payload: Payload) -> Sequence[ProviderEvent]:
    match event:
        case "ping":
            return [PING]
        case "push":
            return [_push_event(payload)]
        case "pull_request":
            return [parse_pull_request(payload, updated_action="synchronize", branch_key="ref")]
        case "package" | "registry_package":
            return [parse_package(payload.nested_object(event))]
        case _:
            return [unsupported_event(event)]


def _push_event(payload: Payload) -> ProviderEvent:
    branch = branch_in(payload.string("ref"))
    if branch is None:
        return TAG
    if payload.flag("deleted"):
        return BranchDeleted(branch=branch)
    return BranchPushed(
        branch=branch,
        commit_sha=payload.commit("after"),
        message=payload.nested_object("head_commit").string("message")
        if payload.has("head_commit")
        else "",
        paths=_paths(payload),
    )


def _paths(payload: Payload) -> frozenset[str] | None:
    if payload.flag("created") or payload.flag("forced") or not payload.has("commits"):
        return None
    commits = list(payload.objects("commits"))
    return changed_paths(iter(commits)) if 0 < len(commits) < _MAX_COMMITS else None


def _status_request(repository: ProviderRepository, status: CommitStatus) -> ApiRequest:
    """
    Return the API call that sets a commit status.

    https://docs.github.com/en/rest/commits/statuses
    """
    is_cloud = repository.host == "github.com"
    api = "https://api.github.com" if is_cloud else f"{repository.origin}/api/v3"
    return ApiRequest(
        url=f"{api}/repos/{repository.path}/statuses/{status.commit_sha}",
        headers={
            "Authorization": f"Bearer {repository.password}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        body=github_body(status),
    )


GITHUB = ProviderApi(
    event_header="x-github-event",
    signature_header="x-hub-signature-256",
    expected_signature=prefixed_signature,
    parse_events=_events,
    parse_repository=read_repository,
    status_request=_status_request,
)
