"""Commit statuses: reports the result of deployments to GitHub, GitLab and other Git providers."""

import json
from collections.abc import Mapping
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.integrations.git_providers.statuses import (
    ApiRequest,
    CommitState,
    CommitStatus,
    ProviderRepository,
)
from pushpaka_core.domain.integrations.outbox import OutboxMessage
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.sources import SourcePolicy, parse_repo_url
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.ports.outbound import WebhookClient
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.services.integrations.outbox import Outbox
from pushpaka_core.services.projects.credentials import decrypt_git_token

COMMIT_STATUS = "commit_status"
"""
The kind of outbox messages with a commit status. Their target is the commit hash and the status
context.
"""

_S = DeploymentStatus
_STATES: Mapping[DeploymentStatus, CommitState] = {
    _S.QUEUED: CommitState.PENDING,
    _S.RUNNING: CommitState.SUCCESS,
    _S.FAILED: CommitState.FAILURE,
    _S.CANCELLED: CommitState.CANCELLED,
    _S.SUPERSEDED: CommitState.CANCELLED,
}
_DESCRIPTIONS: Mapping[CommitState, str] = {
    CommitState.PENDING: "The deployment is in progress.",
    CommitState.SUCCESS: "The deployment is live.",
    CommitState.FAILURE: "The deployment failed. See its log in Pushpaka.",
    CommitState.CANCELLED: "The deployment was canceled or superseded by a newer one.",
}
_ROLLED_BACK = (
    "The deployment failed after it went live and was rolled back. See its log in Pushpaka."
)
_FULL_HASH_LENGTHS = (40, 64)


@frozen
class CommitStatusQueue:
    """Adds commit statuses to the outbox, in the transaction that changes the deployment."""

    _outbox: Outbox

    async def enqueue(self, uow: UnitOfWork, deployment: Deployment) -> None:
        """
        Queue a commit status for the current state of *deployment*.

        Does nothing if the project has no Git token, the full commit hash is not known yet, or the
        status of the deployment is not reported.
        """
        state = _STATES.get(deployment.status)
        if state is None or len(deployment.commit_sha or "") not in _FULL_HASH_LENGTHS:
            return
        project = await uow.projects.visible_to(PLATFORM).get(deployment.project_id)
        if project.git_token is None or project.deleted_at is not None:
            return
        await self._outbox.add(
            uow,
            project.id,
            kind=COMMIT_STATUS,
            target=f"{deployment.commit_sha} {_context(deployment)}",
            body={"deployment_id": str(deployment.id), "state": state},
        )


@frozen(kw_only=True)
class CommitStatusSender:
    """Sends the commit statuses in the outbox to the Git providers."""

    _storage: Storage
    _cipher: SecretCipher
    _webhook_client: WebhookClient
    _public_urls: PublicUrls
    _policy: SourcePolicy

    async def send(self, message: OutboxMessage) -> None:
        """
        Post the commit status of *message* to the Git provider of its project.

        Does nothing if the project no longer has a webhook or a token for its repository.

        Raises:
            ReceiverUnavailableError: If sending failed and can be retried.
            DeliveryRejectedError: If the Git provider rejected the status for good.
            NotFoundError: If the project or the deployment was removed.
        """
        body = json.loads(message.body)
        deployment_id = DeploymentId(UUID(body["deployment_id"]))
        async with self._storage.snapshot() as uow:
            project = await uow.projects.visible_to(PLATFORM).get(message.project_id)
            deployment = await uow.deployments.visible_to(PLATFORM).get(deployment_id)
            webhooks = await uow.webhooks.visible_to(PLATFORM).of_project(project.id)
        repository = self._repository(project)
        request_of = next(
            (call for one in webhooks if (call := one.provider_api.status_request)), None
        )
        if repository is None or request_of is None:
            return
        status = self._status(deployment, CommitState(body["state"]))
        await self._post(request_of(repository, status))

    async def _post(self, call: ApiRequest) -> None:
        headers = {**call.headers, "Content-Type": "application/json"}
        await self._webhook_client.post(
            call.url, headers=headers, body=json.dumps(dict(call.body)).encode()
        )

    def _repository(self, project: Project) -> ProviderRepository | None:
        token = decrypt_git_token(self._cipher, project)
        if token is None:
            return None
        try:
            url = parse_repo_url(project.repo_url, self._policy)
        except ValueError:  # The URL was stored under a less strict source policy.
            return None
        return ProviderRepository.of(url, token)

    def _status(self, deployment: Deployment, state: CommitState) -> CommitStatus:
        return CommitStatus(
            commit_sha=deployment.commit_sha or "",
            state=state,
            context=_context(deployment),
            description=_description(deployment, state),
            url=self._public_urls.app_url(deployment)
            or self._public_urls.url(self._public_urls.api_host),
        )


def _description(deployment: Deployment, state: CommitState) -> str:
    is_rolled_back = state is CommitState.FAILURE and deployment.is_rolled_back
    return _ROLLED_BACK if is_rolled_back else _DESCRIPTIONS[state]


def _context(deployment: Deployment) -> str:
    """
    Return the status context. It contains the project's slug because several projects may deploy
    one repository.
    """
    ending = "" if deployment.target == PRODUCTION else "/preview"
    return f"pushpaka/{deployment.slug}{ending}"
