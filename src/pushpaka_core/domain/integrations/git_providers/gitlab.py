"""
The webhooks and commit status API of GitLab.

https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from collections.abc import Sequence
from urllib.parse import quote

from pushpaka_core.domain.integrations.git_providers.events import (
    TAG,
    ProviderEvent,
    PullRequestClosed,
    PullRequestUpdated,
    unsupported_event,
)
from pushpaka_core.domain.integrations.git_providers.payloads import Payload
from pushpaka_core.domain.integrations.git_providers.provider_apis import ProviderApi, plain_secret
from pushpaka_core.domain.integrations.git_providers.pushes import parse_push
from pushpaka_core.domain.integrations.git_providers.repositories import PayloadRepository
from pushpaka_core.domain.integrations.git_providers.statuses import (
    ApiRequest,
    CommitState,
    CommitStatus,
    ProviderRepository,
)


def _events(event: str, payload: Payload) -> Sequence[ProviderEvent]:
    match event:
        case "Push Hook":
            return [parse_push(payload, count_key="total_commits_count")]
        case "Tag Push Hook":
            return [TAG]
        case "Merge Request Hook":
            return [_merge_request_event(payload.nested_object("object_attributes"))]
        case _:
            return [unsupported_event(event)]


def _merge_request_event(request: Payload) -> ProviderEvent:
    action = request.string("action")
    # The source project is missing if the fork was deleted.
    source = request.number("source_project_id") if request.has("source_project_id") else None
    is_from_fork = source != request.number("target_project_id")
    number, branch = request.number("iid"), request.string("source_branch")
    if action in {"close", "merge"}:
        return PullRequestClosed(number=number, branch=branch, is_from_fork=is_from_fork)
    is_opened = action in {"open", "reopen"}
    if is_opened or (action == "update" and request.has("oldrev")):
        commit = request.nested_object("last_commit")
        return PullRequestUpdated(
            number=number,
            branch=branch,
            commit_sha=commit.commit("id"),
            message=commit.string("message") if commit.has("message") else "",
            is_from_fork=is_from_fork,
            is_opened=is_opened,
        )
    return unsupported_event(f"merge_request {action}")


def _repository(payload: Payload) -> PayloadRepository:
    if not payload.has("project"):
        return PayloadRepository()
    addresses = ("git_http_url", "git_ssh_url", "web_url")
    project = payload.nested_object("project")
    return PayloadRepository.read(project, name="path_with_namespace", addresses=addresses)


_STATES = {
    CommitState.PENDING: "pending",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failed",
    CommitState.CANCELLED: "canceled",
}


def _status_request(repository: ProviderRepository, status: CommitStatus) -> ApiRequest:
    """
    Return the API call that sets a commit status.

    https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
    """
    project = quote(repository.path, safe="")
    return ApiRequest(
        url=f"{repository.origin}/api/v4/projects/{project}/statuses/{status.commit_sha}",
        headers={"PRIVATE-TOKEN": repository.password},
        body={
            "state": _STATES[status.state],
            "name": status.context,
            "description": status.description,
            "target_url": status.url,
        },
    )


GITLAB = ProviderApi(
    event_header="x-gitlab-event",
    signature_header="x-gitlab-token",
    expected_signature=plain_secret,
    parse_events=_events,
    parse_repository=_repository,
    status_request=_status_request,
)
