"""Health checks of new instances: two passes within the startup timeout."""

from collections.abc import Iterator
from datetime import timedelta

from anyio import move_on_after, sleep
from attrs import frozen

from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.instances.start_failures import exit_error, health_check_remedy
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.errors import PlatformFaultError, StartError
from pushpaka_core.ports.runtime import ObservedInstance, Runtime
from pushpaka_core.services.instances.health import (
    FirstSeen,
    HealthCheckContext,
    HealthObservation,
    HealthPassCounter,
)
from pushpaka_core.services.instances.live_health import (
    InstanceHealth,
    ended_health,
    port_taken_health,
)

_NOT_LISTENING = "nothing listens on its port"


@frozen(kw_only=True)
class StartupHealth:
    """Checks whether new instances become healthy in time."""

    _health: InstanceHealth
    _runtime: Runtime
    _timeouts: Timeouts
    _first_seen: FirstSeen
    _passes: HealthPassCounter

    async def check(
        self, health_check_context: HealthCheckContext, instance: Instance
    ) -> HealthObservation:
        """
        Return the current health of a new instance.

        It is healthy once it has passed its health check twice, see `HealthPassCounter`.
        """
        _, observation = await self._observe(health_check_context, instance)
        return observation

    async def check_once(
        self, health_check_context: HealthCheckContext, instance: Instance
    ) -> HealthObservation:
        """Return the current health of an instance that has to pass its health check only once."""
        observation = await self.check(health_check_context, instance)
        return HealthObservation() if observation.next_pass_in is not None else observation

    async def is_silent(self, instance: Instance) -> bool:
        """Return True if the instance runs, and nothing accepts connections on its port."""
        observed = await self._runtime.inspect(instance.name)
        if observed is None or not observed.is_alive or observed.host not in {None, instance.host}:
            return False
        return instance.port is not None and not await self._health.accepts_connections(instance)

    async def wait_until_healthy(
        self, health_check_context: HealthCheckContext, instance: Instance
    ) -> None:
        """
        Wait until the instance has passed its health check twice.

        Raises:
            StartError: If the instance ends, or is not healthy in time.
            PlatformFaultError: If another program listens on its port.
        """
        observation, pauses = (
            HealthObservation(unhealthy_reason=_NOT_LISTENING),
            _check_pauses(self._timeouts.probe_interval),
        )
        with move_on_after(self.timeout(health_check_context, instance).total_seconds()) as scope:
            latest = scope.deadline + self._second_pass_allowance.total_seconds()
            instance, observation = await self._observe(health_check_context, instance)
            while not observation.is_healthy:
                if observation.next_pass_in is not None:
                    scope.deadline = latest
                if observation.is_port_taken:
                    raise PlatformFaultError(
                        f"The {instance.process_type} process {observation.exit_reason}."
                    )
                if observation.exit_reason is not None:
                    raise StartError(exit_error(instance.process_type, observation.exit_reason))
                await sleep(
                    next(pauses)
                    if observation.next_pass_in is None
                    else observation.next_pass_in.total_seconds()
                )
                instance, observation = await self._observe(health_check_context, instance)
            return
        raise StartError(await self.timeout_message(health_check_context, instance, observation))

    def timeout(self, health_check_context: HealthCheckContext, instance: Instance) -> timedelta:
        """Return how long the instance may take to become healthy."""
        configured = timedelta(seconds=health_check_context.settings.health_check_timeout)
        has_to_last = (
            instance.port is None
            or health_check_context.settings.health_check is not HealthCheck.HTTP
        )
        return max(configured, 2 * self._timeouts.min_uptime) if has_to_last else configured

    def is_overdue(
        self,
        health_check_context: HealthCheckContext,
        instance: Instance,
        observation: HealthObservation,
    ) -> bool:
        """
        Return True if the instance has not become healthy in time.

        The stopwatch measures the time from the start of the instance, or from the first check if
        another process started it. There is extra time for the second pass if *observation* is the
        first pass.
        """
        more = timedelta(0) if observation.next_pass_in is None else self._second_pass_allowance
        return (
            self._first_seen.age_of(instance.id)
            >= self.timeout(health_check_context, instance) + more
        )

    async def timeout_message(
        self,
        health_check_context: HealthCheckContext,
        instance: Instance,
        observation: HealthObservation,
    ) -> str:
        """Return the error message for an instance that is not healthy in time."""
        seconds = self.timeout(health_check_context, instance).total_seconds()
        waited = f"The {instance.process_type} process was not healthy within {seconds:g} s"
        if instance.port is None or await self._runtime.owns_port(instance):
            # It may have started to listen during the last check, which was cut short.
            missing = (
                "it is not responding"
                if observation.unhealthy_reason == _NOT_LISTENING
                else observation.unhealthy_reason
            )
            return f"{waited}: {missing}. {health_check_remedy(health_check_context.settings)}"
        sentence = f"{waited}: {observation.unhealthy_reason}."
        elsewhere = await self._runtime.other_listeners(instance)
        port, remedy = f"{instance.port}", ""
        if health_check_context.deployment.image is not None:
            # In a container, the port of the instance is only the one that it is published on.
            port = f"{health_check_context.settings.port}"
            remedy = " To use another port, set the port of the project."
        if not elsewhere:
            not_a_server = (
                " If it is not meant to listen, like a bot, declare it as `worker` in a Procfile."
            )
            return f"{sentence} It must listen on $PORT ({port}).{remedy or not_a_server}"
        places = ", ".join(elsewhere)
        return f"{sentence} It listens on {places}, but must listen on $PORT ({port}).{remedy}"

    def pause_before_next_check(
        self, instance: Instance, *, concurrent_starts: int = 1
    ) -> timedelta:
        """
        Return how long to wait before the next health check of a starting instance.

        The pause grows with the age of the instance and with the number of instances that start at
        the same time, because health checks would take CPU from them.
        """
        shortest, longest = self._timeouts.probe_interval / 50, self._timeouts.probe_interval
        return min(
            max(self._first_seen.age_of(instance.id) / 25, max(concurrent_starts, 1) * shortest),
            longest,
        )

    @property
    def _second_pass_allowance(self) -> timedelta:
        """The maximum time between the first and the second pass."""
        return 2 * self._timeouts.min_pass_interval

    async def _observe(
        self, health_check_context: HealthCheckContext, instance: Instance
    ) -> tuple[Instance, HealthObservation]:
        """Return the instance and its health. If its host has changed, store the new host."""
        instance, observed = await self._health.inspect(health_check_context, instance)
        return instance, await self._evaluate_health(health_check_context, instance, observed)

    async def _evaluate_health(
        self,
        health_check_context: HealthCheckContext,
        instance: Instance,
        observed_instance: ObservedInstance | None,
    ) -> HealthObservation:
        owns_port = await self._runtime.owns_port(instance)
        if owns_port is False:
            return port_taken_health(instance)
        if observed_instance is None or not observed_instance.is_alive:
            return ended_health(observed_instance)
        if instance.port is None or health_check_context.settings.health_check is HealthCheck.NONE:
            age = self._first_seen.age_of((instance.name, observed_instance.started_at))
            is_steady = age >= self._timeouts.min_uptime
            return HealthObservation(
                unhealthy_reason=None if is_steady else "it has only just started"
            )
        if owns_port is None:
            return HealthObservation(unhealthy_reason=_NOT_LISTENING)
        return await self._probe(health_check_context, instance)

    async def _probe(
        self, health_check_context: HealthCheckContext, instance: Instance
    ) -> HealthObservation:
        """Probe an instance that listens on its port, and count its passes in a row."""
        # Before the probe, because a server that forks per request has one more process after it.
        workers = await self._runtime.worker_processes(instance)
        is_tcp = health_check_context.settings.health_check is HealthCheck.TCP
        if is_tcp:
            # The probe holds its connection longer than the minimum time between two passes.
            self._passes.record_pass(instance.id, workers)
        missing = await self._health.probe(
            health_check_context, instance, hold_time=self._timeouts.min_uptime
        )
        if missing is not None:
            self._passes.reset(instance.id)
            return HealthObservation(unhealthy_reason=missing)
        if is_tcp:
            workers = await self._runtime.worker_processes(instance)
        return self._passes.record_pass(instance.id, workers)


def _check_pauses(max_pause: timedelta) -> Iterator[float]:
    """
    Yield the seconds to wait between health checks. Each pause is 25% longer than the one before,
    up to *max_pause*.
    """
    pause = max_pause.total_seconds() / 50
    while True:
        yield pause
        pause = min(pause * 1.25, max_pause.total_seconds())
