"""Brings what runs in line with what the database says, again and again."""

from collections.abc import Collection
from functools import partial

from attrs import frozen

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import Deployment, Lease
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.targets import Target
from pushpaka_core.domain.timings import Timings, has_come
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.storage_deployments import LeaseSight
from pushpaka_core.ports.system import Clock
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.background import together
from pushpaka_core.services.measurements import Measurements
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.routing import Routing
from pushpaka_core.services.running import Running
from pushpaka_core.services.switching import Switching


@frozen
class Reconciliation:
    """
    What the one reconciler of a node does between the deployments.

    Every verb looks at the present state only, so that a crash between any two of
    them, or in the middle of one, is mended by the next round. None needs the lease of
    the node: what is lost or replaced stays so, and the rest is guarded by a job's own lease.
    """

    _storage: Storage
    _queue: DeploymentQueue
    _events: EventBus
    _workspaces: Workspaces
    _running: Running
    _switching: Switching
    _routing: Routing
    _moves: Moves
    _measurements: Measurements
    _timings: Timings
    _now: Clock

    async def leases(self) -> Collection[LeaseSight]:
        """Return what can be seen of the leases in work, to tell the silent ones."""
        async with self._storage.snapshot() as uow:
            return await uow.deployments.leases()

    async def requeue(self, lease: Lease) -> bool:
        """Put a deployment whose worker is lost back into the queue, unless it is committed."""
        async with self._storage.transaction() as uow:
            try:
                held = await uow.deployments.held(lease)
            except LeaseLostError:
                return False
            if held.is_committed:
                return False
            kept = await self._taken_back(uow, held)
        self._measurements.saw_lease_expire()
        await self._running.let_go(lease)
        await self._workspaces.remove(lease)
        await self._events.publish(DeploymentMoved(deployment=kept))
        await self._queue.announce(kept.project_id)
        return True

    async def finish_switches(self) -> None:
        """
        Route what is committed and not routed yet.

        Raises:
            RouterUnavailableError: If the router is away; the rest waits for the next round.
        """
        async with self._storage.snapshot() as uow:
            deploying = await uow.deployments.all([DeploymentStatus.DEPLOYING])
        for deployment in deploying:
            if deployment.is_committed:
                await self._switching.finish(deployment.lease)

    async def stop_drained(self) -> None:
        """Stop what is replaced and has had its time to end."""
        async with self._storage.snapshot() as uow:
            draining = await uow.deployments.draining()
        drained = [deployment for deployment in draining if self._is_drained(deployment)]
        if drained:
            # Their own addresses go first: their ports may be given to others afterwards.
            await self._routing.publish()
            await together(partial(self._stop, deployment) for deployment in drained)

    async def mend_routes(self) -> None:
        """Write the route table again where the router has lost it, or it is not right any more."""
        if not await self._routing.is_in_force():
            await self._routing.publish()

    def _is_drained(self, deployment: Deployment) -> bool:
        return has_come(deployment.drain_until, now=self._now(), longest=self._timings.drain)

    async def _taken_back(self, uow: UnitOfWork, held: Deployment) -> Deployment:
        if held.cancel_requested_at is not None:
            return await self._moves.keep_cancelled(uow, held)
        waiting = held.requeue("Its worker was lost.", at=self._now())
        return await self._moves.keep(uow, waiting, "Its worker was lost")

    async def _stop(self, deployment: Deployment) -> None:
        await self._running.remove(deployment.lease)
        async with self._storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(deployment.id)
            target = await uow.targets.of_deployment(present)
            stopped = present.stop(at=self._now())
            kept = await self._moves.keep(uow, stopped, _why_stopped(present, target))
        await self._events.publish(DeploymentMoved(deployment=kept))


def _why_stopped(deployment: Deployment, target: Target | None) -> str:
    if target is None:
        return "Its preview has ended"
    return "It was stopped by hand" if target.deployment_id == deployment.id else "It was replaced"
