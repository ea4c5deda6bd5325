"""Puts deployments into the queue, and out of it what they make superfluous."""

from collections.abc import Sequence
from datetime import timedelta

from attrs import field, frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import Deployment, DeploymentId, NewDeployment
from pushpaka_core.domain.env_vars import Environment
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.failpoints import ACCEPTED, REPLYING
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.failpoints import Failpoints
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage import UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.ending import Ending
from pushpaka_core.services.environments import Environments
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.previews import Previews
from pushpaka_core.services.requests import DeploymentRequest

KEY_LIFETIME = timedelta(hours=24)
"""How long an idempotency key stands for the deployment that was made with it."""


@frozen
class Queueing:
    """What every verb that makes a deployment has in common."""

    _queue: DeploymentQueue
    _events: EventBus
    _environments: Environments
    _ending: Ending
    _previews: Previews
    _journal: Journal
    _moves: Moves
    _failpoints: Failpoints
    _now: Clock
    _new_id: IdGenerator
    _quotas: Quotas = field(factory=Quotas)

    def next_id(self) -> DeploymentId:
        """Return the id of a deployment to be."""
        return DeploymentId(self._new_id())

    async def earlier(self, uow: UnitOfWork, request: DeploymentRequest) -> Deployment | None:
        """
        Return what the same request has made already, under the same key.

        Raises:
            ConflictError: If the key stands for another request.
        """
        if request.key is None:
            return None
        since = self._now() - KEY_LIFETIME
        earlier = await uow.deployments.find_idempotent(request.user_id, request.key, since=since)
        if earlier is not None and earlier.request_digest != request.digest:
            raise ConflictError(
                "This Idempotency-Key was used for another request. Use a new key for each request."
            )
        return earlier

    async def begin(
        self,
        uow: UnitOfWork,
        actor: Actor,
        request: DeploymentRequest,
        new: NewDeployment,
        project: Project,
        *,
        cause: str = "It was asked for",
    ) -> Sequence[Deployment]:
        """Queue the deployment of a commit; return it with those that it supersedes."""
        sequence = await uow.projects.next_sequence(project)
        deployment = request.fresh(
            new, project, id=self.next_id(), sequence=sequence, at=self._now()
        )
        today = await self.today(uow, actor, deployment)
        return await self.add(uow, actor, project, deployment, today, cause=cause)

    async def add(
        self,
        uow: UnitOfWork,
        actor: Actor,
        project: Project,
        deployment: Deployment,
        environment: Environment,
        *,
        cause: str = "It was asked for",
    ) -> Sequence[Deployment]:
        """Keep a new deployment; return it with those that it supersedes, or takes the room of."""
        superseded = await self._ending.supersede_waiting(
            uow, actor, project, deployment.target, "A newer one was asked for"
        )
        await self._moves.add(uow, deployment, cause, actor)
        await uow.env_vars.freeze(environment)
        await self._journal.note(
            uow, actor, f"deployment.{deployment.kind}_queued", deployment.id, deployment.slug
        )
        ended = await self._previews.make_room(uow, actor, project, deployment)
        return [deployment, *superseded, *ended]

    async def require_room(self, uow: UnitOfWork, request: DeploymentRequest) -> None:
        """
        Pass where what was added for *request* leaves no more waiting than one user may have.

        Raises:
            TooManyRequestsError: If it does. Pushes are not asked: the next one takes the place
                of the last, so that they wait for no more than there are branches.
        """
        self._quotas.check_waiting(await uow.users.holding(request.user_id))

    async def today(self, uow: UnitOfWork, actor: Actor, deployment: Deployment) -> Environment:
        """Return the env vars of this moment, as *deployment* sees them."""
        env_vars = await uow.env_vars.visible_to(actor).of_project(deployment.project_id)
        return self._environments.freeze(deployment.id, env_vars, deployment.target)

    async def as_served(
        self, uow: UnitOfWork, source: Deployment, deployment: Deployment
    ) -> Environment:
        """Return the env vars that *source* was served with, for *deployment*."""
        (served,) = await uow.env_vars.environments([source])
        return self._environments.copy(served, deployment.id)

    async def tell(self, moved: Sequence[Deployment]) -> None:
        """Wake a worker, and tell the watchers of each."""
        await self._failpoints.reach(ACCEPTED)
        if moved:
            await self._queue.announce(moved[0].project_id)
        for deployment in moved:
            await self._events.publish(DeploymentMoved(deployment=deployment))
        await self._failpoints.reach(REPLYING)


async def require_release(uow: UnitOfWork, source: Deployment, *, is_there: bool) -> None:
    """
    Pass only a deployment that ran, and could be served again without a build.

    Raises:
        ConflictError: If it never ran, or what it built is not kept, or not *is_there*, any more.
    """
    if not source.has_run or source.release_id is None:
        raise ConflictError(f"It cannot be served again: it is {source.status} and never ran.")
    release = await uow.releases.of_deployment(source)
    if release is None or release.removed_at is not None or not is_there:
        raise ConflictError(
            "What this deployment built is not kept any more. Deploy its commit again instead."
        )
