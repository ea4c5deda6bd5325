"""Health checks of live instances, and shared code for the checks of new instances."""

from datetime import timedelta

from attrs import frozen

from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.ports.processes import EXIT_UNKNOWN
from pushpaka_core.ports.runtime import HealthProber, ObservedInstance, ProbeRequest, Runtime
from pushpaka_core.services.instances.health import HealthCheckContext, HealthObservation
from pushpaka_core.services.instances.rows import InstanceRows


@frozen(kw_only=True)
class InstanceHealth:
    """Inspects and probes instances."""

    _rows: InstanceRows
    _runtime: Runtime
    _prober: HealthProber
    _public_urls: PublicUrls
    _timeouts: Timeouts

    async def check_live_instance(
        self, health_check_context: HealthCheckContext, instance: Instance
    ) -> HealthObservation:
        """
        Return the current health of a live instance. One passed health check is enough.

        The check verifies that the instance itself listens on its port, so that another program
        cannot respond instead.
        """
        observed = await self._runtime.inspect(instance.name)
        if observed is None or not observed.is_alive:
            return ended_health(observed)
        instance = await self._with_host(health_check_context, instance, observed)
        if excess := await self._runtime.exceeded_limit(instance):
            return HealthObservation(exit_reason=excess)
        if instance.port is None or health_check_context.settings.health_check is HealthCheck.NONE:
            return HealthObservation()
        if await self._runtime.owns_port(instance) is False:
            return port_taken_health(instance)
        return HealthObservation(
            unhealthy_reason=await self.probe(
                health_check_context, instance, hold_time=self._timeouts.probe_interval
            )
        )

    async def inspect(
        self, health_check_context: HealthCheckContext, instance: Instance
    ) -> tuple[Instance, ObservedInstance | None]:
        """
        Return the instance and its state on the runtime. If its host has changed, store the new
        host.
        """
        observed = await self._runtime.inspect(instance.name)
        return await self._with_host(health_check_context, instance, observed), observed

    async def probe(
        self, health_check_context: HealthCheckContext, instance: Instance, *, hold_time: timedelta
    ) -> str | None:
        """
        Send one health check. Return why the instance did not pass, or None if it did.

        Args:
            health_check_context: The settings to check with.
            instance: The instance, which has a port.
            hold_time: How long a TCP check keeps its connection open.
        """
        return await self._prober.probe(
            ProbeRequest(
                host=instance.host,
                port=instance.port or 0,
                host_header=self._public_urls.project_host(health_check_context.project.slug),
                check=health_check_context.settings.health_check,
                min_open_time=hold_time,
                path=health_check_context.settings.health_check_path,
                timeout=self._timeouts.probe_timeout,
            )
        )

    async def accepts_connections(self, instance: Instance) -> bool:
        """Return True if anything accepts a connection on the port of the instance."""
        request = ProbeRequest(
            host=instance.host,
            port=instance.port or 0,
            host_header="",
            check=HealthCheck.TCP,
            timeout=self._timeouts.probe_timeout,
        )
        return await self._prober.probe(request) is None

    async def _with_host(
        self,
        health_check_context: HealthCheckContext,
        instance: Instance,
        observed_instance: ObservedInstance | None,
    ) -> Instance:
        host = observed_instance.host if observed_instance else None
        if host is None or host == instance.host:
            return instance
        return await self._rows.store_host(instance, health_check_context.deployment, host)


def ended_health(observed_instance: ObservedInstance | None) -> HealthObservation:
    """Return the health of an instance that is not running, with its exit as the reason."""
    return HealthObservation(
        exit_reason=observed_instance.exit if observed_instance else EXIT_UNKNOWN
    )


def port_taken_health(instance: Instance) -> HealthObservation:
    """Return the health of an instance on whose port another program listens."""
    taken = f"found its port {instance.port} taken by another program"
    return HealthObservation(exit_reason=taken, is_port_taken=True)
