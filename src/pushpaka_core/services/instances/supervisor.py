"""Decides when and in which order the instances of active deployments are checked."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from attrs import define, field

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.projects.target_names import PRODUCTION, is_database
from pushpaka_core.ports.runtime import Host
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.concurrency import RoundRunner, run_round
from pushpaka_core.services.deployments.active_deployments import (
    ActiveDeployment,
    ActiveDeployments,
    live_ids,
)
from pushpaka_core.services.instances.check_schedule import CheckSchedule, EarlyChecks
from pushpaka_core.services.instances.deployment_checks import DeploymentChecks, InstanceCheck
from pushpaka_core.services.instances.liveness_probes import LivenessProbes
from pushpaka_core.services.instances.recovery import InstanceRecovery


@define(kw_only=True)
class InstanceSupervisor:
    """Keeps the instances of committed deployments running, and restarts them with back-off."""

    _active: ActiveDeployments
    _checks: DeploymentChecks
    _recovery: InstanceRecovery
    _probes: LivenessProbes
    _schedule: CheckSchedule
    _early_checks: EarlyChecks
    _host: Host
    _now: Clock
    _has_checked: bool = field(default=False, init=False)

    async def check_all(self, round_runner: RoundRunner = run_round) -> None:
        """Check the state of every instance, and continue the restarts of crashed ones."""
        supervised = await self._supervised_deployments()
        if not self._has_checked:
            self._has_checked = True
            if await self._host.has_restarted():
                for active in supervised:
                    self._recovery.mark_lost_with_host(live_ids(active.instances))
        await round_runner(
            {each.deployment.id: partial(self._check_in_round, each) for each in supervised}
        )

    async def check_due(self, round_runner: RoundRunner = run_round) -> None:
        """Check the deployments whose scheduled check is due, which may be all of them."""
        due = self._schedule.pop_due()
        if due is None:
            return await self.check_all(round_runner)
        return await round_runner({each: partial(self._check_early, each) for each in due})

    async def wait_until_due(self) -> None:
        """Wait until the scheduled check of a deployment is due."""
        await self._schedule.wait()

    def schedule_check(self, deployment_id: DeploymentId) -> None:
        """Schedule an immediate check of a deployment, because one of its processes has exited."""
        self._early_checks.schedule(deployment_id)

    async def check_liveness(self, round_runner: RoundRunner = run_round) -> None:
        """
        Probe every live instance. An instance that fails three probes in a row is stopped and
        restarted.

        Deployments in their rollback window are left to `check_rollback_windows`.
        """
        now, supervised = self._now(), await self._supervised_deployments()
        outside_window = [
            active for active in supervised if not active.deployment.is_in_rollback_window(now=now)
        ]
        await self._dispatch_checks(self._probe, round_runner, outside_window)

    async def check_rollback_windows(self, round_runner: RoundRunner = run_round) -> None:
        """Probe deployments in their rollback window that are due, and roll back broken ones."""
        now, supervised = self._now(), await self._supervised_deployments()
        watched = [
            active for active in supervised if active.deployment.is_in_rollback_window(now=now)
        ]
        await self._dispatch_checks(
            self._probe, round_runner, self._probes.take_due_deployments(watched)
        )

    async def _supervised_deployments(self) -> Sequence[ActiveDeployment]:
        """Return the deployments to keep running: databases, production, then previews."""
        supervised = [active for active in await self._active.read_cached() if not active.is_ending]
        return sorted(supervised, key=_start_order)

    async def _dispatch_checks(
        self,
        check: InstanceCheck,
        round_runner: RoundRunner,
        deployments: Sequence[ActiveDeployment],
    ) -> None:
        await round_runner(
            {each.deployment.id: partial(self._checks.run, each, check) for each in deployments}
        )

    async def _check_in_round(self, active: ActiveDeployment) -> None:
        if not await self._early_checks.may_skip_in_round(active):
            await self._checks.run(active, self._recovery.check)

    async def _check_early(self, id: DeploymentId) -> None:
        if await self._early_checks.is_still_silent(id):
            return
        active = await self._active.find(id)
        if active is not None and not active.is_ending:
            await self._checks.run(active, self._recovery.check)

    async def _probe(self, active: ActiveDeployment, instance: Instance) -> Instance:
        # A probe would count its end as a crash, although the host was restarted.
        if self._recovery.may_be_lost_with_host(instance):
            return instance
        return await self._probes.check(active, instance)


def _start_order(active: ActiveDeployment) -> tuple[bool, bool, datetime]:
    target = active.deployment.target
    return not is_database(target), target != PRODUCTION, active.deployment.created_at
