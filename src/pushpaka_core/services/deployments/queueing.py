"""Queues new deployments and supersedes those that they replace in the queue."""

from collections.abc import Sequence
from datetime import timedelta

from attrs import field, frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.deployments.deployments import Deployment, DeploymentKind, NewDeployment
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.domain.platform.failpoints import ACCEPTED, REPLYING
from pushpaka_core.domain.projects.env_vars import Environment
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import is_database
from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage.storage import UnitOfWork
from pushpaka_core.ports.system import Clock, Failpoints, IdGenerator
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.deployments.cancellation import Cancellation
from pushpaka_core.services.deployments.idempotency import DeploymentRequest
from pushpaka_core.services.deployments.previews import PreviewLimits
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.projects.env_vars import EnvironmentCipher
from pushpaka_core.services.volumes.usage import require_database

IDEMPOTENCY_KEY_LIFETIME = timedelta(hours=24)
"""How long an idempotency key is remembered."""


@frozen
class DeploymentEnqueuer:
    """Queues new deployments, and supersedes the queued ones that they replace."""

    _queue: DeploymentQueue
    _events: EventBus
    _environment_cipher: EnvironmentCipher
    _cancellation: Cancellation
    _preview_limits: PreviewLimits
    _audit_log: AuditLog
    _transitions: DeploymentTransitions
    _failpoints: Failpoints
    _now: Clock
    _new_id: IdGenerator
    _quotas: Quotas = field(factory=Quotas)

    def new_deployment_id(self) -> DeploymentId:
        """Return a new deployment id."""
        return DeploymentId(self._new_id())

    async def find_earlier_deployment(
        self, uow: UnitOfWork, request: DeploymentRequest
    ) -> Deployment | None:
        """
        Return the deployment that the same request created within `IDEMPOTENCY_KEY_LIFETIME`, or
        None.

        Raises:
            ConflictError: If the idempotency key was used for a different request.
        """
        if request.key is None:
            return None
        earliest = self._now() - IDEMPOTENCY_KEY_LIFETIME
        earlier = await uow.deployments.find_by_idempotency_key(
            request.user_id, request.key, earliest=earliest
        )
        if earlier is not None and earlier.request_digest != request.digest:
            raise ConflictError(
                "This Idempotency-Key was used for a different request. Use a new key for each "
                "request."
            )
        return earlier

    async def queue_source(
        self,
        uow: UnitOfWork,
        actor: Actor,
        request: DeploymentRequest,
        new_deployment: NewDeployment,
        project: Project,
        *,
        cause: str = "Requested by a user",
    ) -> Sequence[Deployment]:
        """
        Queue the deployment of a commit or an archive.

        Returns:
            The new deployment, followed by those that it superseded or ended.
        """
        sequence = await uow.projects.next_sequence(project)
        deployment = request.new_deployment(
            new_deployment, project, id=self.new_deployment_id(), sequence=sequence, now=self._now()
        )
        today = await self.freeze_current_env(uow, actor, deployment)
        return await self.queue(uow, actor, project, deployment, today, cause=cause)

    async def queue(
        self,
        uow: UnitOfWork,
        actor: Actor,
        project: Project,
        deployment: Deployment,
        environment: Environment,
        *,
        cause: str = "Requested by a user",
    ) -> Sequence[Deployment]:
        """
        Store a new deployment with its environment variables.

        Queued deployments of the same target are superseded. Old previews are ended if the project
        exceeds its limit of previews.

        Args:
            uow: The transaction to write in.
            actor: The user who requested the deployment.
            project: The project of the deployment.
            deployment: The new deployment.
            environment: The frozen environment variables of the deployment.
            cause: The text of the timeline event.

        Returns:
            The new deployment, followed by those that it superseded or ended.
        """
        superseded = await self._cancellation.supersede_queued(
            uow, actor, project, deployment.target, "A newer deployment was requested"
        )
        await self._transitions.add(uow, deployment, cause, actor)
        await uow.env_vars.put_environment(environment)
        await self._audit_log.record(
            uow, actor, f"deployment.{deployment.kind}_queued", deployment.id, deployment.slug
        )
        ended = await self._preview_limits.enforce_limit(uow, actor, project, deployment)
        return [deployment, *superseded, *ended]

    async def queue_again(
        self,
        uow: UnitOfWork,
        actor: Actor,
        request: DeploymentRequest,
        source: Deployment,
        project: Project,
        *,
        kind: DeploymentKind,
        sequence: int,
        has_artifact: bool,
    ) -> Sequence[Deployment]:
        """
        Queue a deployment that starts the release of *source* again, without a build.

        A rollback gets the frozen environment variables of *source*, and deployments of its target
        that are in progress are canceled. The other kinds get the current variables.

        Args:
            uow: The transaction to write in.
            actor: The user who requested the deployment.
            request: The request, with its idempotency key.
            source: The deployment that ran earlier.
            project: The project of *source*.
            kind: Why the release is started again.
            sequence: The sequence number of the new deployment.
            has_artifact: Whether the artifact of *source* still exists.

        Returns:
            The new deployment, followed by those that it superseded or ended.

        Raises:
            ConflictError: If *source* never ran, or its release was removed.
            TooManyRequestsError: If the user has too many queued deployments.
        """
        await require_startable_release(uow, source, has_artifact=has_artifact)
        deployment = request.repeat_deployment(
            source, kind, id=self.new_deployment_id(), sequence=sequence, now=self._now()
        )
        ending: Sequence[Deployment] = ()
        if kind is DeploymentKind.ROLLBACK:
            environment = await self.copy_env(uow, source, deployment)
            ending = await self._cancellation.cancel_in_progress(
                uow, actor, project, source.target, "A rollback was requested"
            )
        else:
            environment = await self.freeze_current_env(uow, actor, deployment)
        queued = await self.queue(uow, actor, project, deployment, environment)
        await self.require_queue_quota(uow, request)
        return [*queued, *ending]

    async def require_queue_quota(self, uow: UnitOfWork, request: DeploymentRequest) -> None:
        """
        Raise TooManyRequestsError if the user now has too many queued deployments.

        Call this method after `queue`. Deployments from webhooks are not limited: a push supersedes
        the previous one of its branch, so at most one per branch is queued.
        """
        self._quotas.require_queue_quota(await uow.users.quota_usage(request.user_id))

    async def freeze_current_env(
        self, uow: UnitOfWork, actor: Actor, deployment: Deployment
    ) -> Environment:
        """
        Return a frozen copy of the current environment variables for *deployment*.

        The server of a database gets its own variables in place of those of the project.
        """
        if is_database(deployment.target):
            volume = await require_database(uow, deployment.project_id, deployment.target)
            return self._environment_cipher.of_database(deployment.id, volume)
        env_vars = await uow.env_vars.visible_to(actor).of_project(deployment.project_id)
        return self._environment_cipher.snapshot(deployment.id, env_vars, deployment.target)

    async def copy_env(
        self, uow: UnitOfWork, source: Deployment, deployment: Deployment
    ) -> Environment:
        """Return the frozen environment variables of *source* for *deployment*."""
        (served,) = await uow.env_vars.environments([source])
        return self._environment_cipher.copy(served, deployment.id)

    async def publish(self, deployments: Sequence[Deployment]) -> None:
        """
        Wake a worker and publish *deployments*. Call this method after the transaction is
        committed.

        The deployments must belong to one project.
        """
        await self._failpoints.hit(ACCEPTED)
        if deployments:
            await self._queue.notify(deployments[0].project_id)
        for deployment in deployments:
            await self._events.publish(DeploymentChanged(deployment=deployment))
        await self._failpoints.hit(REPLYING)


async def require_startable_release(
    uow: UnitOfWork, source: Deployment, *, has_artifact: bool
) -> None:
    """
    Raise ConflictError unless *source* has run and can be started again without a build.

    Args:
        uow: The transaction to read in.
        source: The deployment to serve again.
        has_artifact: Whether the artifact of *source* still exists.
    """
    if not source.has_been_live or source.release_id is None:
        raise ConflictError(
            f"This deployment is {source.status} and never ran. Choose one that has run."
        )
    release = await uow.releases.of_deployment(source)
    if release is None or release.removed_at is not None or not has_artifact:
        raise ConflictError(
            "The build output of this deployment has been removed. Deploy its commit again instead."
        )
