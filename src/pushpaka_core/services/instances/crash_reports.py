"""Reports crashes and recoveries in the log and the status of a deployment."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.instances.instances import Instance, InstanceState, serving_instances
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.domain.logs.logs import LogLevel
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.processes import EXIT_UNKNOWN
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.logs.log_writer import LogWriter


@frozen(kw_only=True)
class CrashReports:
    """Logs crashes, and marks deployments as crashed or running again."""

    _storage: Storage
    _events: EventBus
    _logs: LogWriter
    _transitions: DeploymentTransitions
    _now: Clock

    async def log_crash(self, instance: Instance) -> None:
        """Write the crash and the time of the restart to the log of the deployment."""
        pause = (instance.restart_at or self._now()) - self._now()
        seconds = max(ceil(pause.total_seconds()), 0)
        again = f"Restarting it {f'in {seconds} s' if seconds else 'now'}."
        async with self._logs.open(instance.deployment_id, Redactor()) as log:
            await log.write(f"{_exit_sentence(instance)} {again}", Phase.RUN, LogLevel.ERROR)

    async def update_status(self, deployment: Deployment, instances: Sequence[Instance]) -> None:
        """
        Mark the deployment as crashed or running again if its *instances* show that this has
        changed.

        The rows are read again and compared in the transaction that changes the deployment. A
        deployment without instances was stopped for a takeover, and keeps its status.
        """
        if _with_new_status(deployment, instances, now=self._now()) is None:
            return
        async with self._storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(deployment.id)
            rows = await uow.instances.of_deployments([present])
            own = serving_instances(i for i in rows if i.lease == present.lease)
            changed = _with_new_status(present, own, now=self._now())
            if changed is None:
                return
            stored = await self._transitions.store(
                uow, changed, changed.error or "The processes are running again"
            )
        await self._events.publish(DeploymentChanged(deployment=stored))


def _with_new_status(
    deployment: Deployment, instances: Sequence[Instance], *, now: datetime
) -> Deployment | None:
    """Return the deployment marked as crashed or running again, or None if nothing changes."""
    if not instances:
        return None
    down = _find_down_instance(instances)
    if down is not None and deployment.status is DeploymentStatus.RUNNING:
        return deployment.crash(f"{_exit_sentence(down)} It is being restarted.", now=now)
    if down is None and deployment.status is DeploymentStatus.CRASHED:
        return deployment.recover(now=now)
    return None


def _find_down_instance(instances: Sequence[Instance]) -> Instance | None:
    """
    Return an instance of a process type that is down, or None.

    A process type is down if none of its instances is live. Instances that are restarting for
    another reason than a crash do not count as down.
    """
    live = {i.process_type for i in instances if i.state is InstanceState.LIVE}
    down = (i for i in instances if i.process_type not in live)
    return next((instance for instance in down if not instance.is_restarting_without_crash), None)


def _exit_sentence(instance: Instance) -> str:
    return f"The {instance.process_type} process {instance.exit or EXIT_UNKNOWN}."
