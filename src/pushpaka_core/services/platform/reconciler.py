"""Reconciles deployments with the database: lost workers, cutovers, draining, routes."""

from collections.abc import Collection
from functools import partial

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.state_machine import SERVING, DeploymentStatus
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.deployments.timeouts import Timeouts, has_passed
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage.deployments import LeaseObservation
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.instances.removal import InstanceRemoval, LeaseCleanup
from pushpaka_core.services.pipeline.cutover import Cutover
from pushpaka_core.services.platform.metrics import MetricCounters
from pushpaka_core.services.routing.routes import RoutePublisher


@frozen
class DeploymentReconciler:
    """
    The operations that a node's reconciler repeats.

    Each operation acts only on the current state, so after a crash at any point the next call
    repairs it. No operation needs the node lease: lost and replaced deployments never become active
    again, and the deployment's lease protects everything else.
    """

    _storage: Storage
    _queue: DeploymentQueue
    _events: EventBus
    _removal: InstanceRemoval
    _cleanup: LeaseCleanup
    _cutover: Cutover
    _route_publisher: RoutePublisher
    _transitions: DeploymentTransitions
    _counters: MetricCounters
    _timeouts: Timeouts
    _now: Clock

    async def leases(self) -> Collection[LeaseObservation]:
        """Return the leases of all deployments in progress, to detect expired ones."""
        async with self._storage.snapshot() as uow:
            return await uow.deployments.leases()

    async def requeue(self, lease: Lease) -> bool:
        """
        Take a deployment away from its lost worker, and queue it again.

        Returns:
            False if nothing was done, because the deployment is committed or the lease is not
            current.
        """
        async with self._storage.transaction() as uow:
            try:
                held = await uow.deployments.get_held(lease)
            except LeaseLostError:
                return False
            if held.is_committed:
                return False
            kept = await self._requeue(uow, held)
        self._counters.count_lease_expiry()
        await self._cleanup.clean_up(lease)
        await self._events.publish(DeploymentChanged(deployment=kept))
        await self._queue.notify(kept.project_id)
        return True

    async def finish_cutovers(self) -> None:
        """
        Finish the cutover of committed deployments that no worker has finished.

        Raises:
            RouterUnavailableError: If the router does not respond. The next call tries again.
        """
        async with self._storage.snapshot() as uow:
            deploying = await uow.deployments.all([DeploymentStatus.DEPLOYING])
        for deployment in deploying:
            if deployment.is_committed:
                await self._cutover.finish(deployment.lease)

    async def stop_drained(self) -> None:
        """
        Stop replaced deployments whose drain time is over.

        A deployment that an automatic rollback may return to keeps running until the rollback
        window of its successor ends.
        """
        async with self._storage.snapshot() as uow:
            draining = await uow.deployments.list_draining()
            drained = [deployment for deployment in draining if self._is_drained(deployment)]
            kept = await self._rollback_candidates(uow, drained)
        drained = [deployment for deployment in drained if deployment.id not in kept]
        await self._removal.unroute_and_run(
            [partial(self._stop, deployment) for deployment in drained]
        )

    async def repair_routes(self) -> None:
        """Publish the route table again if the router has lost it, or if it is out of date."""
        if not await self._route_publisher.is_current():
            await self._route_publisher.publish()

    def _is_drained(self, deployment: Deployment) -> bool:
        return has_passed(
            deployment.drain_until, now=self._now(), max_distance=self._timeouts.drain_time
        )

    async def _rollback_candidates(
        self, uow: UnitOfWork, drained_deployments: Collection[Deployment]
    ) -> Collection[DeploymentId | None]:
        """Return the ids of the *drained_deployments* that an automatic rollback may return to."""
        projects, now = uow.projects.visible_to(PLATFORM), self._now()
        # Only their projects: this runs every second during a rollback window of minutes.
        affected = [
            await projects.get(id_) for id_ in {each.project_id for each in drained_deployments}
        ]
        serving = await uow.deployments.of_projects(affected, SERVING) if affected else ()
        return {each.replaces for each in serving if each.is_in_rollback_window(now=now)}

    async def _requeue(self, uow: UnitOfWork, deployment: Deployment) -> Deployment:
        if deployment.cancel_requested_at is not None:
            return await self._transitions.store_canceled(uow, deployment)
        waiting = deployment.requeue("The worker was lost.", now=self._now())
        return await self._transitions.store(uow, waiting, "The worker was lost")

    async def _stop(self, deployment: Deployment) -> None:
        if not await self._prepare_stop(deployment):
            return
        await self._removal.remove(deployment.lease)
        async with self._storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(deployment.id)
            target = await uow.targets.of_deployment(present)
            stopped = present.stop(now=self._now())
            kept = await self._transitions.store(uow, stopped, _stop_cause(present, target))
        await self._events.publish(DeploymentChanged(deployment=kept))

    async def _prepare_stop(self, deployment: Deployment) -> bool:
        """
        Prevent rollbacks to a drained deployment, and return True. Return False if it must keep
        running.
        """
        async with self._storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(deployment.id)
            project = await uow.projects.visible_to(PLATFORM).get(deployment.project_id)
            serving = await uow.deployments.of_projects([project], SERVING)
            successors = [each for each in serving if each.replaces == deployment.id]
            if present.drain_until is None or any(
                each.is_in_rollback_window(now=self._now()) for each in successors
            ):
                return False
            for successor in successors:
                await uow.deployments.update(successor.close_rollback_window())
        return True


def _stop_cause(deployment: Deployment, target: Target | None) -> str:
    if target is None:
        return "The preview has ended"
    return (
        "The deployment was stopped by a user"
        if target.deployment_id == deployment.id
        else "The deployment was replaced"
    )
