"""Reads the output of serving instances into the logs of their deployments."""

import logging
from functools import partial

from anyio import create_task_group, sleep
from anyio.abc import TaskGroup
from attrs import define, field

from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.instances import Instance
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import UnavailableError
from pushpaka_core.services.instance_output import InstanceOutput
from pushpaka_core.services.jobs import Jobs
from pushpaka_core.services.log_writing import MOST_KEPT, LogWriting
from pushpaka_core.services.tending import Served, Tending

logger = logging.getLogger(__name__)


@define
class LogPump:
    """
    Follows each instance of this node, one reader an instance.

    A reader begins where the last one stopped, which stands in the instance's row. What is
    not started yet is looked for again in the next round.
    """

    _tending: Tending
    _jobs: Jobs
    _logs: LogWriting
    _output: InstanceOutput
    _timings: Timings
    _readers: set[str] = field(factory=set, init=False)
    """Whom they read, also to its end: a reader ends by itself once its instance is gone."""
    _replicas: dict[DeploymentId, int] = field(factory=dict, init=False)
    """How many there are of each: then they are told apart in its log."""

    async def run(self) -> None:
        """Follow what comes and goes, without end."""
        async with create_task_group() as readers:
            while True:
                try:
                    await self._follow_new(readers)
                except UnavailableError as error:
                    logger.warning("instances cannot be listed: %s", error)
                await sleep(self._timings.tend.total_seconds())

    async def _follow_new(self, readers: TaskGroup) -> None:
        serving = await self._tending.seen()
        if {i.name for served in serving for i in served.instances} - self._readers:
            serving = await self._tending.serving()
        self._replicas = {served.deployment.id: served.settings.replicas for served in serving}
        present = {i.name: (served, i) for served in serving for i in served.instances}
        for name in present.keys() - self._readers:
            readers.start_soon(self._read, *present[name])
        self._readers = set(present)

    async def _read(self, served: Served, instance: Instance) -> None:
        try:
            if not await self._output.is_there(instance):
                self._readers.discard(instance.name)
                return
            with self._output.keeping(instance):
                await self._keep(served, instance)
        except Exception as error:  # noqa: BLE001 - one reader must not end the others
            logger.warning("the output of %s is not read for now: %s", instance.name, error)
            self._readers.discard(instance.name)

    async def _keep(self, served: Served, instance: Instance) -> None:
        job = await self._jobs.of(served.deployment)
        async with self._logs.open(served.deployment.id, job.redactor, most_kept=MOST_KEPT) as log:
            speaker = partial(self._speaker, served, instance)
            output = log.output(Phase.RUN, instance.id, speaker=speaker)
            await self._output.follow(instance, output)

    def _speaker(self, served: Served, instance: Instance) -> str:
        return instance.speaker(self._replicas.get(served.deployment.id, 1))
