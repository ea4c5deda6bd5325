"""The cutover: commits a deployment as active, then switches traffic to it."""

from collections.abc import Sequence

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.state_machine import SERVING, DeploymentStatus, Phase
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.routing.routes import RoutePublisher


@frozen
class Cutover:
    """
    Makes a deployment the active one of its target without losing a request.

    `commit` requires the lease. `finish` does not: the worker or the reconciler may call it, and
    repeat it.
    """

    _storage: Storage
    _queue: DeploymentQueue
    _events: EventBus
    _route_publisher: RoutePublisher
    _transitions: DeploymentTransitions
    _timeouts: Timeouts
    _now: Clock

    async def commit(self, lease: Lease) -> bool:
        """
        Make the deployment the active one of its target, unless its cancellation was requested.

        Return True if the deployment is committed. From then on, it can neither fail nor be
        canceled.

        Raises:
            LeaseLostError: If another worker has the deployment.
            SupersededError: If a newer deployment is already active.
        """
        async with self._storage.transaction() as uow:
            held = await uow.deployments.get_held(lease)
            if held.cancel_requested_at is not None:
                return False
            await uow.targets.put(await self._new_target(uow, held))
            for instance in await uow.instances.of_deployments([held]):
                if instance.lease == lease:
                    await uow.instances.update(instance.go_live())
            moved = await self._transitions.store(
                uow, held.enter(Phase.SWITCH, now=self._now()), "The health check passed"
            )
        await self._events.publish(DeploymentChanged(deployment=moved))
        return True

    async def finish(self, lease: Lease) -> None:
        """
        Route traffic to the committed deployment, mark it running, and drain the previous one.

        A deployment without a web process gets no route, and the routes of the previous one are
        removed. Starts the rollback window, and wakes workers for the next deployment of the
        target. Does nothing if that has already been done.

        Raises:
            RouterUnavailableError: If the router does not respond. In that case, nothing has
                changed.
        """
        await self._route_publisher.publish()
        async with self._storage.transaction() as uow:
            try:
                committed = await uow.deployments.get_held(lease)
            except LeaseLostError:
                return
            now, others = self._now(), await self._other_deployments(uow, committed)
            running, previous = committed.enter(Phase.RUN, now=now), _rollback_target(others)
            if previous is not None:
                running = running.open_rollback_window(previous, now=now)
            cause = (
                "The deployment receives traffic"
                if running.has_web
                else "The processes are running"
            )
            running = await self._transitions.store_serving(uow, running, cause)
            await self._drain(uow, others)
        await self._events.publish(DeploymentChanged(deployment=running))
        await self._queue.notify(running.project_id)

    async def _new_target(self, uow: UnitOfWork, deployment: Deployment) -> Target:
        target = await uow.targets.of_deployment(deployment)
        if target is not None:
            return target.point_to(deployment)
        return Target(
            project_id=deployment.project_id,
            name=deployment.target,
            deployment_id=deployment.id,
            sequence=deployment.sequence,
            has_web=deployment.has_web,
        )

    async def _other_deployments(
        self, uow: UnitOfWork, committed_deployment: Deployment
    ) -> Sequence[Deployment]:
        """Return the other running deployments of the target, oldest first."""
        project = await uow.projects.visible_to(PLATFORM).get(committed_deployment.project_id)
        serving = await uow.deployments.of_projects(
            [project], SERVING, target=committed_deployment.target
        )
        return [deployment for deployment in serving if deployment.id != committed_deployment.id]

    async def _drain(self, uow: UnitOfWork, other_deployments: Sequence[Deployment]) -> None:
        for old in other_deployments:
            if old.drain_until is None:
                deadline, cause = self._now(), "Replaced"
                if old.has_web:
                    deadline, cause = (
                        deadline + self._timeouts.drain_time,
                        "Replaced; open requests are finishing",
                    )
                await self._transitions.store(uow, old.drain(deadline=deadline), cause)


def _rollback_target(other_deployments: Sequence[Deployment]) -> DeploymentId | None:
    """
    Return the running deployment that a rollback would return to, or None.

    This is the deployment that is being replaced or, if it has crashed, the one before.
    """
    running = {each.id for each in other_deployments if each.status is DeploymentStatus.RUNNING}
    replaced = next(
        (each for each in reversed(other_deployments) if each.drain_until is None), None
    )
    candidates = () if replaced is None else (replaced.id, replaced.replaces)
    return next((each for each in candidates if each in running), None)
