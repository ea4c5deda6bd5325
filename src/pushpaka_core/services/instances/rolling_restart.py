"""Restarts active deployments without downtime: new instances start before old ones stop."""

from contextlib import suppress
from functools import partial

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.deployments.timeouts import Timeouts, has_passed
from pushpaka_core.domain.ids import DeploymentId, InstanceId
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.instances.start_failures import exit_error
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.domain.logs.logs import LogLevel
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.errors import PlatformFaultError, StaleEntityError, StartError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.processes import EXIT_UNKNOWN
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.concurrency import RoundRunner, run_all, run_round
from pushpaka_core.services.deployments.active_deployments import (
    ActiveDeployment,
    ActiveDeployments,
)
from pushpaka_core.services.deployments.jobs import JobLoader
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.instances.node_lease import HeldNodeLease
from pushpaka_core.services.instances.removal import InstanceRemoval
from pushpaka_core.services.instances.rows import InstanceRows
from pushpaka_core.services.instances.scaling import InstanceScaler
from pushpaka_core.services.instances.starter import InstanceStarter
from pushpaka_core.services.instances.startup_health import StartupHealth
from pushpaka_core.services.instances.takeover import WriterTakeover
from pushpaka_core.services.logs.log_writer import LogWriter
from pushpaka_core.services.routing.routes import RoutePublisher


@frozen(kw_only=True)
class NewGeneration:
    """
    Starts the new instances of a restart (a generation) next to the old ones, until all are
    healthy.
    """

    _node_lease: HeldNodeLease
    _job_loader: JobLoader
    _rows: InstanceRows
    _starter: InstanceStarter
    _health: StartupHealth
    _removal: InstanceRemoval

    async def start(self, active: ActiveDeployment) -> None:
        """
        Create and start all instances of the current generation.

        Raises:
            StartError: If an instance cannot be started.
            PlatformFaultError: If there are not enough free ports, or the host caused the failure.
            StaleEntityError: If the deployment was changed meanwhile.
        """
        job = await self._job_loader.load_for_deployment(active.deployment)
        instances = await self._rows.reserve(job)
        await run_all(partial(self._starter.start, job, instance) for instance in instances)

    async def is_healthy(self, active: ActiveDeployment) -> bool:
        """
        Return True if all instances of the current generation are healthy.

        Raises:
            StartError: If an instance has ended, or was not healthy in time.
        """
        healthy: list[InstanceId] = []

        async def check(instance: Instance) -> None:
            if await self._is_healthy(active, instance):
                healthy.append(instance.id)

        await run_all(partial(check, instance) for instance in active.current_instances)
        return len(healthy) == len(active.current_instances)

    async def _is_healthy(self, active: ActiveDeployment, instance: Instance) -> bool:
        seen = await self._health.check(active, instance)
        is_overdue = self._health.is_overdue(active, instance, seen)
        if seen.exit_reason == EXIT_UNKNOWN and not is_overdue:
            # The worker was killed before it started the instance, or the host was switched off.
            job = await self._job_loader.load_for_deployment(active.deployment)
            await self._node_lease.require_held()
            await self._removal.remove_by_name(instance.name)
            await self._starter.start(job, instance)
        elif seen.exit_reason is not None:
            raise StartError(exit_error(instance.process_type, seen.exit_reason))
        elif seen.unhealthy_reason is not None and is_overdue:
            raise StartError(await self._health.timeout_message(active, instance, seen))
        return seen.is_healthy


@frozen(kw_only=True)
class RollingRestart:
    """
    Replaces the instances of deployments whose restart was requested, and scales them.

    The only writer of a volume is stopped before its successor starts, while its requests are held.

    A restart raises the generation of the deployment. Each call of `advance` compares the
    generation of the instances with that of the deployment, so a restart continues even after the
    worker has crashed.
    """

    _storage: Storage
    _events: EventBus
    _node_lease: HeldNodeLease
    _logs: LogWriter
    _active: ActiveDeployments
    _new_generation: NewGeneration
    _removal: InstanceRemoval
    _writer_takeover: WriterTakeover
    _instance_scaler: InstanceScaler
    _route_publisher: RoutePublisher
    _transitions: DeploymentTransitions
    _timeouts: Timeouts
    _now: Clock

    async def advance(self, round_runner: RoundRunner = run_round) -> None:
        """Advance every restart and every scaling by one step, and remove retired instances."""
        await round_runner(
            {
                active.deployment.id: partial(self._advance_one, active)
                for active in await self._active.read_cached()
                if not active.is_ending
            }
        )

    async def _advance_one(self, active: ActiveDeployment) -> None:
        retired = [i for i in active.instances if self._is_drained(i)]
        advance = (
            self._continue_restart if active.outdated_instances else self._instance_scaler.adjust
        )
        # At the same time, because new instances may need the ports of retired ones.
        await run_all([partial(self._removal.remove_routed, retired), partial(advance, active)])

    async def _continue_restart(self, active: ActiveDeployment) -> None:
        if active.settings.single_writer:
            with suppress(StaleEntityError):  # Changed meanwhile: the next round continues.
                if await self._writer_takeover.advance(active.deployment):
                    await self._instance_scaler.return_all(active)
            return
        await self._removal.remove_all(active.abandoned_instances)
        with suppress(StaleEntityError):  # Changed meanwhile: the next round continues.
            try:
                await self._next_step(active)
            except (StartError, PlatformFaultError) as error:
                await self._cancel_restart(active, str(error))

    async def _next_step(self, active: ActiveDeployment) -> None:
        if not active.current_instances:
            await self._new_generation.start(active)
        elif await self._new_generation.is_healthy(active):
            await self._replace(active)

    async def _replace(self, active: ActiveDeployment) -> None:
        """Route traffic to the new instances, and drain the old ones."""
        stop_at = self._now() + self._timeouts.drain_time
        async with self._storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(active.deployment.id)
            if present.generation != active.deployment.generation:
                return
            for instance in active.current_instances:
                await uow.instances.update(instance.go_live())
            for instance in active.outdated_instances:
                await uow.instances.update(instance.retire(stop_at=stop_at))
            await self._transitions.add_event(
                uow, present, "New instances have replaced the old ones"
            )
        await self._route_publisher.publish()
        await self._events.publish(DeploymentChanged(deployment=present))

    async def _cancel_restart(self, active: ActiveDeployment, reason: str) -> None:
        """Cancel the restart: remove the new instances, so that the old ones keep serving."""
        generation = active.deployment.generation
        async with self._storage.snapshot() as uow:
            instances = await uow.instances.of_deployments([active.deployment])
        failed = [instance for instance in instances if instance.generation == generation]
        await self._node_lease.require_held()
        await self._removal.remove_all(failed)
        async with self._storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(active.deployment.id)
            if present.generation != generation:
                return
            (serving,) = {instance.generation for instance in active.supervised_instances}
            kept = await self._transitions.store(
                uow, present.revert_generation(serving), "The restart failed"
            )
        await self._log_error(
            kept.id, f"The restart failed. The old instances keep serving. {reason}"
        )
        await self._events.publish(DeploymentChanged(deployment=kept))

    async def _log_error(self, id: DeploymentId, sentence: str) -> None:
        async with self._logs.open(id, Redactor()) as log:
            await log.write(sentence, Phase.RUN, LogLevel.ERROR)

    def _is_drained(self, instance: Instance) -> bool:
        return has_passed(instance.stop_at, now=self._now(), max_distance=self._timeouts.drain_time)
