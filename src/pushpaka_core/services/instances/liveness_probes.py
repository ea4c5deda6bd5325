"""Probes live instances, and stops those that do not respond."""

from contextlib import suppress

from attrs import define, evolve, field

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.instances.instances import MAX_FAILED_PROBES, Instance, InstanceState
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.system import Stopwatch
from pushpaka_core.services.deployments.active_deployments import ActiveDeployment
from pushpaka_core.services.instances.automatic_rollback import AutomaticRollback
from pushpaka_core.services.instances.live_health import InstanceHealth
from pushpaka_core.services.instances.node_lease import HeldNodeLease
from pushpaka_core.services.instances.recovery import SupervisedInstances
from pushpaka_core.services.routing.routes import RoutePublisher


@define(kw_only=True)
class LivenessProbes:
    """Probes live instances. An instance that fails three probes in a row is stopped as crashed."""

    _health: InstanceHealth
    _node_lease: HeldNodeLease
    _instances: SupervisedInstances
    _rollback: AutomaticRollback
    _route_publisher: RoutePublisher
    _stopwatch: Stopwatch
    _probed_at: dict[DeploymentId, float] = field(factory=dict, init=False)
    """When each deployment in its rollback window was last probed, in seconds of the stopwatch."""

    def take_due_deployments(
        self, watched_deployments: list[ActiveDeployment]
    ) -> list[ActiveDeployment]:
        """
        Return the deployments whose probe interval is over, and start their next interval.

        Args:
            watched_deployments: All deployments in their rollback window. The times of all other
                deployments are discarded.
        """
        for over in self._probed_at.keys() - {
            active.deployment.id for active in watched_deployments
        }:
            del self._probed_at[over]
        return [active for active in watched_deployments if self._is_due(active.deployment)]

    async def check(self, active: ActiveDeployment, instance: Instance) -> Instance:
        """
        Probe an instance if it is live. Return the instance with the result, without storing it.

        The number of failed probes is stored only just before the instance loses its route and is
        stopped, or its deployment is rolled back.

        Raises:
            LeaseLostError: If another process has taken the node.
            StaleEntityError: If the row was changed meanwhile.
        """
        if instance.state is not InstanceState.LIVE:
            return instance
        seen = await self._health.check_live_instance(active, instance)
        if seen.is_port_taken:
            instance = await self._store_failed_probes(
                evolve(instance, failed_probes=MAX_FAILED_PROBES), active.deployment
            )
            await self._publish_routes()
        if seen.exit_reason is not None:
            return await self._instances.stop(instance, seen.exit_reason)
        failed_probes = 0 if seen.unhealthy_reason is None else instance.failed_probes + 1
        if failed_probes < MAX_FAILED_PROBES:
            return evolve(instance, failed_probes=failed_probes)
        reason = (
            f"did not respond to {MAX_FAILED_PROBES} probes in a row and was stopped "
            f"({seen.unhealthy_reason})"
        )
        silent = await self._store_failed_probes(
            evolve(instance, failed_probes=failed_probes, exit=reason), active.deployment
        )
        if await self._rollback.check(active.deployment, [silent]):
            return silent
        await self._publish_routes()
        return await self._instances.stop(silent, reason)

    def _is_due(self, deployment: Deployment) -> bool:
        now, last = self._stopwatch(), self._probed_at.get(deployment.id)
        if last is not None and now - last < deployment.probe_interval.total_seconds():
            return False
        self._probed_at[deployment.id] = now
        return True

    async def _store_failed_probes(self, instance: Instance, deployment: Deployment) -> Instance:
        await self._node_lease.require_held()
        return await self._instances.store(instance, deployment)

    async def _publish_routes(self) -> None:
        """
        Publish the routes before an instance is stopped, which can take its whole grace period.

        Does nothing if the router does not respond. The instance is stopped anyway.
        """
        with suppress(RouterUnavailableError):
            await self._route_publisher.publish()
