"""Commit statuses: what the forge of a project is told of its deployments."""

import json
from collections.abc import Mapping
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION, Deployment, DeploymentId
from pushpaka_core.domain.forges.statuses import (
    CommitState,
    CommitStatus,
    ForgeCall,
    ForgeRepository,
)
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.outbox import OutboxMessage, OutboxMessageId
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.sources import SourcePolicy, parse_repo_url
from pushpaka_core.ports.poster import Poster
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.credentials import open_git_token

COMMIT_STATUS = "commit_status"
"""The kind of its messages; their target is the commit and the line beside it."""

_S = DeploymentStatus
_STATES: Mapping[DeploymentStatus, CommitState] = {
    _S.QUEUED: CommitState.PENDING,
    _S.RUNNING: CommitState.SUCCESS,
    _S.FAILED: CommitState.FAILURE,
    _S.CANCELLED: CommitState.CANCELLED,
    _S.SUPERSEDED: CommitState.CANCELLED,
}
_DESCRIPTIONS: Mapping[CommitState, str] = {
    CommitState.PENDING: "It is being deployed.",
    CommitState.SUCCESS: "It is deployed.",
    CommitState.FAILURE: "It could not be deployed: Pushpaka has the log.",
    CommitState.CANCELLED: "It was not deployed: somebody cancelled it, or a newer one came.",
}
_FULL_HASHES = (40, 64)


@frozen
class CommitReports:
    """Notes in the outbox what a forge is to be told, in the transaction that it is about."""

    _now: Clock
    _new_id: IdGenerator

    async def note(self, uow: UnitOfWork, deployment: Deployment) -> None:
        """Note what has become of *deployment*, where a token opens its project's forge."""
        state = _STATES.get(deployment.status)
        if state is None or len(deployment.commit_sha or "") not in _FULL_HASHES:
            return
        project = await uow.projects.visible_to(PLATFORM).get(deployment.project_id)
        if project.git_token is None or project.deleted_at is not None:
            return
        await uow.outbox.add(
            OutboxMessage(
                id=OutboxMessageId(self._new_id()),
                project_id=project.id,
                kind=COMMIT_STATUS,
                target=f"{deployment.commit_sha} {_context(deployment)}",
                body=json.dumps({"deployment_id": str(deployment.id), "state": state}),
                next_at=self._now(),
            )
        )


@frozen(kw_only=True)
class CommitStatusSender:
    """Tells forges what is in the outbox for them."""

    _storage: Storage
    _cipher: Cipher
    _poster: Poster
    _addresses: Addresses
    _policy: SourcePolicy

    async def send(self, message: OutboxMessage) -> None:
        """
        Tell the forge of the message's project, if there is still one and a token for it.

        Raises:
            ReceiverUnavailableError: If it may take it later.
            DeliveryRefusedError: If it will not.
        """
        body = json.loads(message.body)
        deployment_id = DeploymentId(UUID(body["deployment_id"]))
        async with self._storage.snapshot() as uow:
            project = await uow.projects.visible_to(PLATFORM).get(message.project_id)
            deployment = await uow.deployments.visible_to(PLATFORM).get(deployment_id)
            webhooks = await uow.webhooks.visible_to(PLATFORM).of_project(project.id)
        repository = self._repository(project)
        if repository is None or not webhooks:
            return
        status = self._status(deployment, CommitState(body["state"]))
        await self._post(webhooks[0].dialect.report(repository, status))

    async def _post(self, call: ForgeCall) -> None:
        headers = {**call.headers, "Content-Type": "application/json"}
        await self._poster.post(
            call.url, headers=headers, body=json.dumps(dict(call.body)).encode()
        )

    def _repository(self, project: Project) -> ForgeRepository | None:
        token = open_git_token(self._cipher, project)
        if token is None:
            return None
        try:
            url = parse_repo_url(project.repo_url, self._policy)
        except ValueError:  # It was kept when the operator allowed more.
            return None
        return ForgeRepository.of(url, token)

    def _status(self, deployment: Deployment, state: CommitState) -> CommitStatus:
        return CommitStatus(
            commit_sha=deployment.commit_sha or "",
            state=state,
            context=_context(deployment),
            description=_DESCRIPTIONS[state],
            url=self._addresses.url(self._addresses.host_for_visitors(deployment)),
        )


def _context(deployment: Deployment) -> str:
    """Return which line beside the commit it is: a repository may have several projects."""
    ending = "" if deployment.target == PRODUCTION else "/preview"
    return f"pushpaka/{deployment.slug}{ending}"
