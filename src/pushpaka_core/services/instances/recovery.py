"""Detects instances that have ended, and restarts them with back-off."""

from collections.abc import Iterable

from attrs import define, field, frozen

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.timeouts import Timeouts, has_passed
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.instances.instances import (
    MAX_BACKOFF,
    WEB_PROCESS_TYPE,
    Instance,
    InstanceState,
)
from pushpaka_core.errors import PlatformFaultError, StartError
from pushpaka_core.ports.processes import EXIT_UNKNOWN
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.deployments.active_deployments import ActiveDeployment
from pushpaka_core.services.deployments.jobs import JobLoader
from pushpaka_core.services.instances.check_schedule import EarlyChecks
from pushpaka_core.services.instances.node_lease import HeldNodeLease
from pushpaka_core.services.instances.rows import InstanceRows
from pushpaka_core.services.instances.starter import InstanceStarter
from pushpaka_core.services.instances.startup_health import StartupHealth
from pushpaka_core.services.logs.instance_output import InstanceOutputReader


@frozen(kw_only=True)
class SupervisedInstances:
    """Stores and stops instances while this process holds the node lease."""

    _storage: Storage
    _node_lease: HeldNodeLease
    _starter: InstanceStarter
    _timeouts: Timeouts
    _now: Clock

    async def store(self, instance: Instance, deployment: Deployment) -> Instance:
        """
        Store a changed instance of *deployment*, and return it with its new version.

        Requests are held while the only writer is down. The caller publishes the routes.

        Raises:
            StaleEntityError: If a row was changed meanwhile.
        """
        async with self._storage.transaction() as uow:
            if instance.process_type == WEB_PROCESS_TYPE:
                await self._hold_or_release(uow, deployment, instance)
            return await uow.instances.update(instance)

    async def _hold_or_release(
        self, uow: UnitOfWork, deployment: Deployment, instance: Instance
    ) -> None:
        target = await uow.targets.of_deployment(deployment)
        if target is None or target.deployment_id != deployment.id or target.stopped_at:
            return
        if instance.is_routed:
            changed = target.release()
        elif deployment.single_writer:
            changed = target.hold(deadline=self._now() + self._timeouts.hold_time)
        else:
            return
        if changed != target:
            await uow.targets.put(changed)

    async def stop(self, instance: Instance, reason: str) -> Instance:
        """
        Stop an instance, and return it as crashed because of *reason*. The row is not changed.

        Raises:
            LeaseLostError: If another process has taken the node. In that case, nothing is stopped.
        """
        await self._node_lease.require_held()
        await self._starter.stop(instance)
        return instance.crash(reason, now=self._now())


@define(kw_only=True)
class InstanceRecovery:
    """Checks whether instances run, and continues the restarts of crashed ones."""

    _runtime: Runtime
    _job_loader: JobLoader
    _rows: InstanceRows
    _starter: InstanceStarter
    _health: StartupHealth
    _output: InstanceOutputReader
    _instances: SupervisedInstances
    _early_checks: EarlyChecks
    _now: Clock
    _lost_with_host: set[InstanceId] = field(factory=set, init=False)
    """Instances that were live before the host restarted, and have not been inspected since."""

    def mark_lost_with_host(self, ids: Iterable[InstanceId]) -> None:
        """
        Record that the host of these instances has restarted, so that their exit does not count as
        a crash.
        """
        self._lost_with_host.update(ids)

    def may_be_lost_with_host(self, instance: Instance) -> bool:
        """Return True if the host has restarted since the instance was last seen running."""
        return instance.id in self._lost_with_host

    async def check(self, active: ActiveDeployment, instance: Instance) -> Instance:
        """
        Check an instance, and return its current state or the new instance that has replaced it.

        Crashed instances are restarted when their back-off is over and a start slot is free.

        Raises:
            RuntimeUnavailableError: If the runtime does not respond.
            LeaseLostError: If another process has taken the node.
            StaleEntityError: If the row was changed meanwhile.
        """
        match instance.state:
            case InstanceState.LIVE:
                return await self._check_live(instance)
            case InstanceState.CRASHED if self._is_restart_due(instance):
                if not self._early_checks.take_slot(instance):
                    return instance
                return await self._restart(active, instance)
            case InstanceState.STARTING:
                return await self._check_starting(active, instance)
            case _:
                return instance

    async def _check_live(self, instance: Instance) -> Instance:
        observed = await self._runtime.inspect(instance.name)
        if observed is not None and observed.is_alive:
            self._lost_with_host.discard(instance.id)
            return instance
        # An automatic rollback reports the last lines of the log.
        await self._output.wait_until_stored(instance.name)
        if instance.id in self._lost_with_host:
            return instance.end_with_host(now=self._now())
        return instance.crash((observed and observed.exit) or EXIT_UNKNOWN, now=self._now())

    async def _check_starting(self, active: ActiveDeployment, instance: Instance) -> Instance:
        is_one_enough = self._needs_one_pass(active, instance)
        check = self._health.check_once if is_one_enough else self._health.check
        seen = await check(active, instance)
        if seen.exit_reason is not None:
            await self._output.wait_until_stored(instance.name)
            return await self._instances.stop(instance, seen.exit_reason)
        if seen.next_pass_in is not None:
            # It passed once and only waits for its second pass.
            self._early_checks.free_slot(instance)
        if seen.unhealthy_reason is None:
            return instance.go_live()
        if not self._health.is_overdue(active, instance, seen):
            return instance
        return await self._instances.stop(
            instance, f"was not healthy in time ({seen.unhealthy_reason})"
        )

    def _needs_one_pass(self, active: ActiveDeployment, instance: Instance) -> bool:
        """
        Return True if one passed health check is enough, because visitors are waiting.

        This is the case after the first crash outside of a rollback window, and after a host
        restart.
        """
        has_crashed_once = instance.restarts == 1
        is_watched = active.deployment.is_in_rollback_window(now=self._now())
        return instance.is_restarting_without_crash or (has_crashed_once and not is_watched)

    def _is_restart_due(self, instance: Instance) -> bool:
        return has_passed(instance.restart_at, now=self._now(), max_distance=MAX_BACKOFF)

    async def _restart(self, active: ActiveDeployment, instance: Instance) -> Instance:
        # Raises if the runtime does not respond, so that a failed start does not count as a crash.
        await self._runtime.inspect(instance.name)
        if active.settings.single_writer:
            await self._starter.stop(instance)
        successor = await self._rows.replace_crashed(instance, active.deployment)
        try:
            await self._starter.start(
                await self._job_loader.load_for_deployment(active.deployment), successor
            )
        except (StartError, PlatformFaultError) as error:
            crashed = successor.crash(str(error), now=self._now())
            return await self._instances.store(crashed, active.deployment)
        return successor
