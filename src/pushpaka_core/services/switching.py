"""The commit point and what follows: the target points at a deployment, then traffic does."""

from attrs import frozen

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import SERVING, Phase
from pushpaka_core.domain.deployments import Deployment, Lease
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.targets import Target
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.routing import Routing


@frozen
class Switching:
    """
    Moves a target from one deployment to the next without a lost request.

    `commit` is decided by whoever holds the lease. `finish` needs none: it may be
    done, and repeated, by the worker or by the reconciler.
    """

    _storage: Storage
    _queue: DeploymentQueue
    _events: EventBus
    _routing: Routing
    _moves: Moves
    _timings: Timings
    _now: Clock

    async def commit(self, lease: Lease) -> bool:
        """
        Point the target at the deployment, unless somebody asked to cancel it: tell which.

        From here on it can neither fail nor be cancelled.

        Raises:
            LeaseLostError: If another worker holds it by now.
            SupersededError: If a newer one serves already.
        """
        async with self._storage.transaction() as uow:
            held = await uow.deployments.held(lease)
            if held.cancel_requested_at is not None:
                return False
            await uow.targets.put(await self._pointed_to(uow, held))
            for instance in await uow.instances.of_deployments([held]):
                if instance.lease == lease:
                    await uow.instances.update(instance.go_live())
            moved = await self._moves.keep(
                uow, held.enter(Phase.SWITCH, at=self._now()), "It is healthy and takes over"
            )
        await self._events.publish(DeploymentMoved(deployment=moved))
        return True

    async def finish(self, lease: Lease) -> None:
        """
        Route the committed deployment, call it running, and begin to drain the one before.

        What waits for its end is announced.

        Harmless where somebody else has done it meanwhile.

        Raises:
            RouterUnavailableError: If the router does not answer; nothing has changed then.
        """
        await self._routing.publish()
        async with self._storage.transaction() as uow:
            try:
                committed = await uow.deployments.held(lease)
            except LeaseLostError:
                return
            running = await self._moves.keep_serving(
                uow, committed.enter(Phase.RUN, at=self._now()), "Requests go to it"
            )
            await self._drain_others(uow, running)
        await self._events.publish(DeploymentMoved(deployment=running))
        await self._queue.announce(running.project_id)

    async def _pointed_to(self, uow: UnitOfWork, deployment: Deployment) -> Target:
        target = await uow.targets.of_deployment(deployment)
        if target is not None:
            return target.point_to(deployment)
        return Target(
            project_id=deployment.project_id,
            name=deployment.target,
            deployment_id=deployment.id,
            sequence=deployment.sequence,
        )

    async def _drain_others(self, uow: UnitOfWork, running: Deployment) -> None:
        project = await uow.projects.visible_to(PLATFORM).get(running.project_id)
        serving = await uow.deployments.of_projects([project], SERVING, target=running.target)
        for old in serving:
            if old.id != running.id and old.drain_until is None:
                until = self._now() + self._timings.drain
                await self._moves.keep(
                    uow, old.drain(until=until), "It is replaced and ends what it has begun"
                )
