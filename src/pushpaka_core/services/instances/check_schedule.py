"""Decides when the supervisor checks each deployment, and which crashed instances may start."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from anyio import Event, current_time, move_on_after
from attrs import define, field, frozen

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.instances.instances import Instance, InstanceState
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.deployments.active_deployments import ActiveDeployment
from pushpaka_core.services.instances.health import HealthObservation
from pushpaka_core.services.instances.restart_slots import ProcessKey, StartSlots
from pushpaka_core.services.instances.startup_health import StartupHealth

_MIN_PAUSE = timedelta(milliseconds=20)


@define
class CheckSchedule:
    """
    Schedules a round of checks of all deployments once per interval, and earlier checks of single
    deployments.

    A deployment is checked early if one of its processes has just exited or is starting, because
    visitors may be waiting for it.
    """

    _interval: timedelta
    _next_round: float = field(default=0, init=False)
    _due_at: dict[DeploymentId, float] = field(factory=dict, init=False)
    _schedule_changed: Event = field(factory=Event, init=False)

    def add(self, deployment_id: DeploymentId, *, delay: timedelta = timedelta(0)) -> None:
        """Schedule a check of a deployment after *delay*, unless an earlier one is scheduled."""
        due = current_time() + delay.total_seconds()
        self._due_at[deployment_id] = min(due, self._due_at.get(deployment_id, due))
        self._schedule_changed.set()

    async def wait(self) -> None:
        """Wait until a check or a round is due."""
        while (seconds := self._seconds_left()) > 0:
            self._schedule_changed = Event()
            with move_on_after(seconds):
                await self._schedule_changed.wait()

    def pop_due(self) -> Collection[DeploymentId] | None:
        """
        Remove and return the deployments that are due, longest overdue first.

        Returns None when a round over all deployments is due.
        """
        now = current_time()
        due = sorted(
            (i for i, at in self._due_at.items() if at <= now), key=self._due_at.__getitem__
        )
        for deployment_id in due:
            del self._due_at[deployment_id]
        if now < self._next_round:
            return due
        self._next_round = now + self._interval.total_seconds()
        return None

    def _seconds_left(self) -> float:
        return min([self._next_round, *self._due_at.values()]) - current_time()


@frozen(kw_only=True)
class EarlyChecks:
    """
    Schedules checks, between the regular rounds, of instances that are starting or waiting for
    their restart.
    """

    _schedule: CheckSchedule
    _slots: StartSlots
    _health: StartupHealth
    _now: Clock
    _silent: dict[DeploymentId, Sequence[Instance]] = field(factory=dict, init=False)
    """The starting instances of the deployments for which `is_still_silent` may save a check."""

    def schedule(self, deployment_id: DeploymentId) -> None:
        """Schedule an immediate check of a deployment."""
        self._silent.pop(deployment_id, None)
        self._schedule.add(deployment_id)

    def schedule_next(self, active: ActiveDeployment, instances: Sequence[Instance]) -> None:
        """
        Schedule the next check of a deployment if some of its *instances* are starting or wait for
        their restart.
        """
        unfinished = [i for i in instances if i.state is not InstanceState.LIVE]
        is_starting = all(i.state is InstanceState.STARTING for i in unfinished)
        if unfinished and is_starting and active.settings.health_check is HealthCheck.HTTP:
            self._silent[active.deployment.id] = unfinished
        else:
            self._silent.pop(active.deployment.id, None)
        for instance in unfinished:
            self._schedule_next(instance)

    async def is_still_silent(self, deployment_id: DeploymentId) -> bool:
        """
        Return True if the starting instances of a deployment run and do not listen yet, and
        schedule the next check.

        It costs little, and makes a complete check unnecessary, except when an instance is overdue.
        """
        silent = self._silent.pop(deployment_id, ())
        for instance in silent:
            if not await self._health.is_silent(instance):
                return False
        if silent and deployment_id not in self._silent:
            self._silent[deployment_id] = silent
            for instance in silent:
                self._schedule_next(instance)
        return bool(silent)

    async def may_skip_in_round(self, active: ActiveDeployment) -> bool:
        """
        Return True if a round may skip a deployment, because all its instances are starting and
        still silent, and none is overdue.

        In the rollback window, the result is always False, because every check extends the window.
        """
        if active.deployment.is_in_rollback_window(now=self._now()):
            return False
        return all(
            instance.state is InstanceState.STARTING
            and not self._health.is_overdue(active, instance, HealthObservation())
            for instance in active.supervised_instances
        ) and await self.is_still_silent(active.deployment.id)

    def _schedule_next(self, instance: Instance) -> None:
        match instance.state:
            case InstanceState.STARTING:
                pause = self._health.pause_before_next_check(
                    instance, concurrent_starts=self._slots.in_use
                )
            case InstanceState.CRASHED if self._slots.is_queued(_process_key(instance)):
                return  # `free_slot` schedules it.
            case InstanceState.CRASHED if instance.restart_at is not None:
                pause = max(instance.restart_at - self._now(), _MIN_PAUSE)
            case _:
                return
        self._schedule.add(instance.deployment_id, delay=pause)

    def take_slot(self, instance: Instance) -> bool:
        """
        Take a start slot for the successor of *instance* and return True. If no slot is free, queue
        the successor and return False.
        """
        return self._slots.acquire(_process_key(instance))

    def free_slot(self, instance: Instance) -> None:
        """Free the start slot of *instance*, if it has one, and let the next process start."""
        following = self._slots.release(_process_key(instance))
        if following is not None:
            deployment_id, _, _ = following
            self.schedule(deployment_id)


def _process_key(instance: Instance) -> ProcessKey:
    return instance.deployment_id, instance.process_type, instance.index
