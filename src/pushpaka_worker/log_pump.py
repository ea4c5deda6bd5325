"""Copies the output of running instances to the logs of their deployments."""

import logging
from functools import partial

from anyio import Lock, create_task_group, sleep
from anyio.abc import TaskGroup
from attrs import define, field

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.errors import UnavailableError
from pushpaka_core.services.concurrency import Task
from pushpaka_core.services.deployments.active_deployments import (
    ActiveDeployment,
    ActiveDeployments,
)
from pushpaka_core.services.deployments.jobs import JobLoader
from pushpaka_core.services.instances.supervisor import InstanceSupervisor
from pushpaka_core.services.logs.instance_output import InstanceOutputReader
from pushpaka_core.services.logs.log_writer import MAX_KEPT, LogWriter

logger = logging.getLogger(__name__)


@define
class LogPump:
    """
    Runs one reader per instance of this node.

    A reader resumes at the output position that is stored in the row of its instance. An instance
    that has not started yet is tried again in the next round.
    """

    _active: ActiveDeployments
    _instance_supervisor: InstanceSupervisor
    _job_loader: JobLoader
    _logs: LogWriter
    _output: InstanceOutputReader
    _timeouts: Timeouts
    _readers: set[str] = field(factory=set, init=False)
    """The names of instances that have a reader, or whose reader has read the output to its end."""
    _round: Lock = field(factory=Lock, init=False)
    """Rounds run one after another, so that no instance gets a second reader."""
    _replicas: dict[DeploymentId, int] = field(factory=dict, init=False)
    """
    The number of replicas of each deployment. With several, log lines begin with the instance name.
    """

    async def run(self) -> None:
        """Start readers for new instances, forever."""
        async with create_task_group() as readers:
            start_readers = partial(self._start_readers, readers)
            with self._output.use_readers(start_readers):
                await self._run_rounds(start_readers)

    async def _run_rounds(self, start_readers: Task) -> None:
        while True:
            try:
                await start_readers()
            except UnavailableError as error:
                logger.warning("The instances cannot be listed: %s", error)
            await sleep(self._timeouts.supervision_interval.total_seconds())

    async def _start_readers(self, task_group: TaskGroup) -> None:
        async with self._round:
            active = await self._active.read_cached()
            if {i.name for each in active for i in each.instances} - self._readers:
                active = await self._active.read()
            self._replicas = {each.deployment.id: each.settings.replicas for each in active}
            present = {i.name: (each, i) for each in active for i in each.instances}
            for name in present.keys() - self._readers:
                self._output.begin(name)
                task_group.start_soon(self._read, *present[name])
            self._readers = set(present)

    async def _read(self, active_deployment: ActiveDeployment, instance: Instance) -> None:
        try:
            if not await self._output.was_started(instance):
                self._readers.discard(instance.name)
                return
            await self._copy(active_deployment, instance)
            self._instance_supervisor.schedule_check(active_deployment.deployment.id)
        except Exception as error:  # noqa: BLE001 - a failed reader must not end the others
            logger.warning("The output of %s cannot be read now: %s", instance.name, error)
            self._readers.discard(instance.name)
        finally:
            self._output.end(instance.name)

    async def _copy(self, active_deployment: ActiveDeployment, instance: Instance) -> None:
        job = await self._job_loader.load_for_deployment(active_deployment.deployment)
        async with self._logs.open(
            active_deployment.deployment.id, job.redactor, max_log_size=MAX_KEPT
        ) as log:
            line_prefix = partial(self._line_prefix, active_deployment, instance)
            output = log.open_output(Phase.RUN, instance.id, line_prefix=line_prefix)
            await self._output.follow(instance, output)

    def _line_prefix(self, active_deployment: ActiveDeployment, instance: Instance) -> str:
        return instance.log_prefix(self._replicas.get(active_deployment.deployment.id, 1))
