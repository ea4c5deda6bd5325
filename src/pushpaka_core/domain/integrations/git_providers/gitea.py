"""
The webhooks and commit status API of Gitea and Forgejo.

https://docs.gitea.com/usage/repository/webhooks and https://forgejo.org/docs/latest/user/webhooks/
"""

from collections.abc import Sequence

from pushpaka_core.domain.integrations.git_providers.events import (
    TAG,
    BranchDeleted,
    ProviderEvent,
    unsupported_event,
)
from pushpaka_core.domain.integrations.git_providers.payloads import Payload
from pushpaka_core.domain.integrations.git_providers.provider_apis import ProviderApi, signature
from pushpaka_core.domain.integrations.git_providers.pull_requests import parse_pull_request
from pushpaka_core.domain.integrations.git_providers.pushes import parse_push
from pushpaka_core.domain.integrations.git_providers.repositories import read_repository
from pushpaka_core.domain.integrations.git_providers.statuses import (
    ApiRequest,
    CommitStatus,
    ProviderRepository,
    github_body,
)


def _events(event: str, payload: Payload) -> Sequence[ProviderEvent]:
    match event:
        case "push":
            return [parse_push(payload, count_key="total_commits")]
        case "delete":
            return [_deletion_event(payload)]
        case "pull_request" | "pull_request_sync":
            # `ref` is not the branch name if the branch was deleted or never existed.
            return [parse_pull_request(payload, updated_action="synchronized", branch_key="label")]
        case _:
            return [unsupported_event(event)]


def _deletion_event(payload: Payload) -> ProviderEvent:
    if payload.string("ref_type") != "branch":
        return TAG
    return BranchDeleted(branch=payload.string("ref").removeprefix("refs/heads/"))


def _status_request(repository: ProviderRepository, status: CommitStatus) -> ApiRequest:
    """
    Return the API call that sets a commit status (repoCreateStatus).

    https://docs.gitea.com/api/
    """
    place = f"{repository.path}/statuses/{status.commit_sha}"
    return ApiRequest(
        url=f"{repository.origin}/api/v1/repos/{place}",
        headers={"Authorization": f"token {repository.password}"},
        body=github_body(status),
    )


GITEA = ProviderApi(
    event_header="x-gitea-event",
    signature_header="x-gitea-signature",
    expected_signature=signature,
    parse_events=_events,
    parse_repository=read_repository,
    status_request=_status_request,
)
