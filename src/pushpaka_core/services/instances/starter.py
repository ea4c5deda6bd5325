"""Starts and stops single instances on the runtime."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from anyio import Lock
from attrs import define, field, frozen

from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.projects.target_names import database_of
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.domain.volumes.servers import database_host
from pushpaka_core.errors import StaleEntityError
from pushpaka_core.ports.processes import Exit, OutputChunk
from pushpaka_core.ports.runtime import Runtime, StartRequest
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.deployments.jobs import Job
from pushpaka_core.services.instances.health import FirstSeen


@define
class InstanceLocks:
    """
    One lock for each instance that this process starts or removes.

    Without it, an instance could be started just after it was removed.
    """

    _locks: dict[str, Lock] = field(factory=dict, init=False)

    def of(self, name: str) -> Lock:
        """Return the lock of the instance *name*."""
        return self._locks.setdefault(name, Lock())

    def forget(self, name: str) -> None:
        """Forget the lock of a removed instance, which is not started again."""
        self._locks.pop(name, None)


@frozen(kw_only=True)
class InstanceStarter:
    """Starts and stops instances whose rows exist."""

    _storage: Storage
    _runtime: Runtime
    _public_urls: PublicUrls
    _timeouts: Timeouts
    _first_seen: FirstSeen
    _locks: InstanceLocks

    def start_request(self, job: Job, instance: Instance) -> StartRequest:
        """Return everything the runtime needs to run *instance*."""
        release, database = job.required_release, database_of(job.deployment.target)
        return StartRequest(
            instance=instance,
            project=job.project,
            plan=release.plan,
            artifact=release.artifact,
            settings=job.settings,
            env=job.env(self._public_urls),
            network_alias=None if database is None else database_host(database),
        )

    async def start(self, job: Job, instance: Instance) -> None:
        """
        Start an instance, and return before it is healthy.

        Raises:
            StartError: If the instance cannot be started.
            PlatformFaultError: If the host caused the failure.
            RuntimeUnavailableError: If the runtime does not respond.
            StaleEntityError: If the instance was removed in the meantime.
        """
        async with self._locks.of(instance.name):
            await self._require_row(instance)
            await self._runtime.start(self.start_request(job, instance))
            try:
                await self._require_row(instance)
            except StaleEntityError:
                # This process was suspended during the start, so that another one took over. That
                # one may have started a release that must run alone.
                await self._runtime.stop(instance.name, grace_period=timedelta(0))
                raise
        self._first_seen.age_of(instance.id)

    async def _require_row(self, instance: Instance) -> None:
        async with self._storage.snapshot() as uow:
            rows = await uow.instances.of_lease(instance.lease)
        if instance.id not in {row.id for row in rows}:
            raise StaleEntityError("instance")

    async def run_once(
        self,
        job: Job,
        instance: Instance,
        *,
        timeout: timedelta,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Exit:
        """
        Run an instance until it ends.

        Raises:
            StartError: If the instance cannot be started.
            TimeoutError: If the instance ran longer than *timeout* and was ended.
            RuntimeUnavailableError: If the runtime does not respond.
        """
        request = self.start_request(job, instance)
        return await self._runtime.run_once(request, timeout=timeout, on_output=on_output)

    async def stop(self, instance: Instance) -> None:
        """Stop an instance. Its output can still be read."""
        await self._runtime.stop(instance.name, grace_period=self._timeouts.stop_grace)
