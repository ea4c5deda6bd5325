"""Stops running instances for a release that must run alone, without losing requests."""

from collections.abc import Sequence
from contextlib import suppress

from anyio import move_on_after, sleep
from attrs import frozen

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.instances.instances import Instance, InstanceState
from pushpaka_core.domain.platform.failpoints import HELD, VACATED
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import Router, Upstream
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock, Failpoints
from pushpaka_core.services.instances.removal import InstanceRemoval
from pushpaka_core.services.instances.rows import (
    instances_of_target,
    must_run_alone,
    require_current_deployment,
)
from pushpaka_core.services.routing.routes import RoutePublisher

_POLL_SECONDS = 0.05


@frozen(kw_only=True)
class WriterTakeover:
    """
    Stops the running instances of a target, so that its next instances are the only writers.

    The database stores each step: the takeover, and the rows of instances that may still run. An
    interrupted takeover is repeated by the next attempt of its deployment. If the deployment ends
    instead, the supervisor starts the active deployment again.
    """

    _storage: Storage
    _router: Router
    _route_publisher: RoutePublisher
    _removal: InstanceRemoval
    _failpoints: Failpoints
    _timeouts: Timeouts
    _now: Clock

    async def is_needed(self, deployment: Deployment) -> bool:
        """Return True if *deployment* cannot run next to the release that it replaces."""
        async with self._storage.snapshot() as uow:
            return await must_run_alone(uow, deployment)

    async def run(self, deployment: Deployment) -> None:
        """
        Repeat `advance` until no instance of the deployment's target is running.

        An outage of the router only delays the takeover. All other errors of `advance` are raised.
        """
        while True:
            with suppress(RouterUnavailableError):
                if await self.advance(deployment):
                    return
            await sleep(self._timeouts.probe_interval.total_seconds())

    async def advance(self, deployment: Deployment) -> bool:
        """
        Hold the requests of the target of *deployment*, and stop its running instances.

        Requests that are open may finish for `Timeouts.hold_drain_time`. Can be repeated: the hold
        is not extended.

        Returns:
            True if no instance of the target runs, so that only *deployment* can start some. False
            if an instance is starting. In that case, its supervisor finishes the start first.

        Raises:
            LeaseLostError: If the deployment is in progress, and another worker has it.
            StaleEntityError: If the deployment was changed, or another one is taking over.
            SupersededError: If a newer deployment is active.
            RouterUnavailableError: If the router does not respond. No instance is stopped.
            RuntimeUnavailableError: If an instance cannot be stopped.
        """
        await self._hold(deployment)
        await self._route_publisher.publish()
        await self._failpoints.hit(HELD)
        await self._drain(await self._instances(deployment))
        instances = await self._instances(deployment)
        await self._removal.remove_all(i for i in instances if _is_stoppable(i, deployment))
        if await self._instances(deployment):
            return False
        await self._failpoints.hit(VACATED)
        return True

    async def _hold(self, deployment: Deployment) -> None:
        async with self._storage.transaction() as uow:
            await require_current_deployment(uow, deployment)
            target = await uow.targets.of_deployment(deployment)
            if target is None:
                return
            hold_deadline = self._now() + self._timeouts.hold_time
            taken = target.begin_takeover(deployment, hold_deadline=hold_deadline)
            if taken != target:
                await uow.targets.put(taken)

    async def _instances(self, deployment: Deployment) -> Sequence[Instance]:
        """Return the target's instances. Raise an error if *deployment* is not taking over."""
        async with self._storage.transaction() as uow:
            await require_current_deployment(uow, deployment)
            return await instances_of_target(uow, deployment)

    async def _drain(self, instances: Sequence[Instance]) -> None:
        upstreams = [Upstream(host=i.host, port=i.port) for i in instances if i.port is not None]
        with move_on_after(self._timeouts.hold_drain_time.total_seconds()):
            while upstreams:
                with suppress(RouterUnavailableError):
                    if await self._router.open_connections(upstreams) == 0:
                        return
                await sleep(_POLL_SECONDS)


def _is_stoppable(instance: Instance, deployment: Deployment) -> bool:
    """
    Return True unless another process may be starting *instance* at this moment.

    That process could start the instance after it was stopped. Instances of an earlier attempt of
    *deployment* can be stopped because their worker is lost.
    """
    is_abandoned = instance.deployment_id == deployment.id and instance.fence != deployment.fence
    return is_abandoned or instance.state is not InstanceState.STARTING
