"""Checks the instances of deployments, and rolls back, routes or reports the deployments."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from attrs import frozen

from pushpaka_core.domain.instances.instances import Instance, InstanceState
from pushpaka_core.errors import StaleEntityError
from pushpaka_core.services.concurrency import run_all
from pushpaka_core.services.deployments.active_deployments import ActiveDeployment, live_ids
from pushpaka_core.services.instances.automatic_rollback import AutomaticRollback
from pushpaka_core.services.instances.check_schedule import EarlyChecks
from pushpaka_core.services.instances.crash_reports import CrashReports
from pushpaka_core.services.instances.recovery import SupervisedInstances
from pushpaka_core.services.routing.routes import RoutePublisher

InstanceCheck: TypeAlias = Callable[[ActiveDeployment, Instance], Awaitable[Instance]]
"""
A function that checks an instance, and returns it in its new state or the instance that has
replaced it.
"""


@frozen(kw_only=True)
class DeploymentChecks:
    """Checks the instances of a deployment, then rolls back, routes or reports the deployment."""

    _instances: SupervisedInstances
    _rollback: AutomaticRollback
    _route_publisher: RoutePublisher
    _reports: CrashReports
    _early_checks: EarlyChecks

    async def run(self, active: ActiveDeployment, check: InstanceCheck) -> None:
        """
        Check every supervised instance of a deployment at the same time, and store the results.

        Rolls the deployment back if it is broken within its rollback window. Otherwise publishes
        the routes if instances have gone live or ended, and stores the status if it changes.
        """
        # Crashes and failed probes that another process recorded count too.
        if await self._rollback.check(active.deployment, active.supervised_instances):
            return
        seen: list[Instance] = []

        async def check_one(instance: Instance) -> None:
            seen.append(await self._check_instance(active, instance, check))

        await run_all(partial(check_one, instance) for instance in active.supervised_instances)
        if await self._rollback.check(active.deployment, seen):
            return
        if live_ids(seen) != live_ids(active.supervised_instances):
            await self._route_publisher.publish()
        await self._reports.update_status(active.deployment, seen)
        # Last, because rounds skip the deployment until this check has ended.
        self._early_checks.schedule_next(active, seen)

    async def _check_instance(
        self, active: ActiveDeployment, instance: Instance, check: InstanceCheck
    ) -> Instance:
        """Return the stored instance after the check, or the one that has replaced it."""
        try:
            seen = await check(active, instance)
            if seen.id == instance.id and seen != instance:
                await self._instances.store(seen, active.deployment)
        except StaleEntityError:
            return instance
        if seen.restart_at is not None and seen.restart_at != instance.restart_at:
            await self._reports.log_crash(seen)
        if seen.state is not InstanceState.STARTING:
            self._early_checks.free_slot(instance)
        return seen
