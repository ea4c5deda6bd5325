"""Removes instances: their routes, their processes or containers, and their rows."""

import logging
from collections.abc import Collection, Iterable, Sequence
from functools import partial

from attrs import frozen

from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.concurrency import Task, run_all
from pushpaka_core.services.instances.starter import InstanceLocks
from pushpaka_core.services.logs.instance_output import InstanceOutputReader
from pushpaka_core.services.routing.routes import RoutePublisher

logger = logging.getLogger(__name__)


@frozen(kw_only=True)
class InstanceRemoval:
    """Stops and deletes instances. All methods can safely be repeated."""

    _storage: Storage
    _runtime: Runtime
    _output: InstanceOutputReader
    _route_publisher: RoutePublisher
    _timeouts: Timeouts
    _locks: InstanceLocks

    async def unroute_and_run(self, tasks: Sequence[Task]) -> None:
        """
        Publish the routes, then run *tasks*, which remove instances. Without tasks, do nothing.

        The rows must already mark the instances as not serving. The routes are removed first,
        because other applications may reuse the ports.

        Raises:
            RouterUnavailableError: If the router does not respond. In that case, no task is
                started.
        """
        if tasks:
            await self._route_publisher.publish()
            await run_all(tasks)

    async def remove_routed(self, instances: Collection[Instance]) -> None:
        """Remove the routes of *instances*, then stop and delete them, see `unroute_and_run`."""
        await self.unroute_and_run([partial(self._remove, instance) for instance in instances])

    async def remove_all(self, instances: Iterable[Instance]) -> None:
        """Stop and delete *instances* at the same time, and free their ports."""
        await run_all(partial(self._remove, instance) for instance in instances)

    async def remove(self, lease: Lease) -> None:
        """Stop and delete every instance of *lease*."""
        async with self._storage.snapshot() as uow:
            instances = await uow.instances.of_lease(lease)
        await self.remove_all(instances)

    async def try_remove(self, lease: Lease) -> None:
        """
        Try to stop and delete every instance of *lease*.

        If the runtime does not respond, the garbage collector removes the remaining instances
        later.
        """
        try:
            await self.remove(lease)
        except RuntimeUnavailableError as error:
            logger.warning(
                "Postponed the removal of the instances of deployment %s: %s",
                lease.deployment_id,
                error,
            )

    async def remove_by_name(self, name: str) -> None:
        """Stop and delete an instance by its name on the runtime. Its database row is kept."""
        await self._runtime.stop(name, grace_period=self._timeouts.stop_grace)
        await self._output.remove(name)

    async def _remove(self, instance: Instance) -> None:
        async with self._locks.of(instance.name):
            await self.remove_by_name(instance.name)
            async with self._storage.transaction() as uow:
                await uow.instances.remove(instance)
        self._locks.forget(instance.name)


@frozen
class LeaseCleanup:
    """Removes the instances and files that an abandoned or expired lease has left behind."""

    _removal: InstanceRemoval
    _workspaces: Workspaces

    async def clean_up(self, lease: Lease) -> None:
        """Remove the files of *lease*, and try to remove its instances."""
        await self._removal.try_remove(lease)
        await self._workspaces.remove(lease)
