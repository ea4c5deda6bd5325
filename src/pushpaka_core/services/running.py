"""Brings a release to life for a job, and takes it away again."""

import logging
from collections.abc import Sequence
from functools import partial

from anyio import Event, create_task_group, move_on_after
from attrs import frozen

from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.domain.failpoints import PROBE
from pushpaka_core.domain.instances import RELEASE, Instance
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import RuntimeUnavailableError, StartError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.failpoints import Failpoints
from pushpaka_core.ports.processes import Exit
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.background import alongside, first_of, together
from pushpaka_core.services.deployment_log import DeploymentLog, ProgramOutput
from pushpaka_core.services.instance_output import LAST_WORDS_SECONDS, InstanceOutput
from pushpaka_core.services.jobs import Job
from pushpaka_core.services.starting import Starting

logger = logging.getLogger(__name__)


@frozen
class Running:
    """Runs a job's release command, starts its instances until all are healthy, removes them."""

    _storage: Storage
    _builder: Builder
    _runtime: Runtime
    _starting: Starting
    _output: InstanceOutput
    _failpoints: Failpoints
    _timings: Timings

    def has_release_command(self, job: Job) -> bool:
        """Tell whether something is to be run before the switch."""
        return RELEASE in job.served_release.plan.processes

    async def run_release_command(self, job: Job, log: DeploymentLog) -> None:
        """Run the release command; StartError, with the last lines, when it fails."""
        output = log.output(Phase.RELEASE)
        try:
            exit_ = await self._run_once(job, output)
        except TimeoutError:
            minutes = self._timings.release.total_seconds() / 60
            sentence = f"The release command took longer than {minutes:g} min and was ended."
            raise output.added_to(StartError(sentence)) from None
        if not exit_.succeeded:
            raise output.added_to(StartError(f"The release command {exit_.words}."))

    async def bring_up(self, job: Job, log: DeploymentLog) -> None:
        """
        Start all instances at once, and return when every one is healthy.

        Raises:
            StartError: If one is not, with its last lines.
        """
        if not await self._builder.exists(job.served_release.artifact):
            raise StartError("What was built is not there any more. Deploy the commit again.")
        instances = await self._starting.reserve(job)
        await log.say(f"Starting {_named(instances)}.", Phase.START)
        try:
            async with create_task_group() as tasks:
                for instance in instances:
                    tasks.start_soon(self._bring_up_one, job, instance, log)
        except ExceptionGroup as group:
            raise first_of(group) from None

    async def remove(self, lease: Lease) -> None:
        """End and forget every instance of *lease*. Harmless to repeat."""
        async with self._storage.snapshot() as uow:
            instances = await uow.instances.of_lease(lease)
        await together(partial(self.remove_one, instance) for instance in instances)

    async def let_go(self, lease: Lease) -> None:
        """Do the same, but leave to the sweep what cannot be ended while nobody answers."""
        try:
            await self.remove(lease)
        except RuntimeUnavailableError as error:
            logger.warning("what runs of deployment %s stays: %s", lease.deployment_id, error)

    async def remove_one(self, instance: Instance) -> None:
        """End and forget one instance, and free its port. Harmless to repeat."""
        await self.remove_unknown(instance.name)
        async with self._storage.transaction() as uow:
            await uow.instances.remove(instance)

    async def remove_unknown(self, name: str) -> None:
        """End and forget what runs under *name* without being known. Harmless to repeat."""
        await self._runtime.stop(name, grace=self._timings.stop_grace)
        await self._output.forget(name)

    async def _run_once(self, job: Job, output: ProgramOutput) -> Exit:
        instance = await self._starting.reserve_release(job)
        request = self._starting.request(job, instance)
        try:
            exit_ = await self._runtime.run_once(
                request, timeout=self._timings.release, on_output=output
            )
        finally:
            output.finish()
        await self.remove_one(instance)
        return exit_

    async def _bring_up_one(self, job: Job, instance: Instance, log: DeploymentLog) -> None:
        speaker = instance.speaker(job.settings.replicas)
        output = log.output(Phase.START, instance.id, speaker=lambda: speaker)
        await self._starting.start(job, instance)
        await self._failpoints.reach(PROBE)
        try:
            await self._read_until_healthy(job, instance, output)
        except BaseException:
            output.finish()
            raise
        with move_on_after(LAST_WORDS_SECONDS):
            first_words = log.output(Phase.START, instance.id, speaker=lambda: speaker)
            await self._output.catch_up(instance, first_words, output.place)

    async def _read_until_healthy(
        self, job: Job, instance: Instance, output: ProgramOutput
    ) -> None:
        read = Event()
        async with alongside(partial(self._read, instance, output, read)):
            try:
                await self._starting.until_healthy(job, instance)
            except StartError as error:
                await self._starting.end(instance)
                with move_on_after(LAST_WORDS_SECONDS):
                    await read.wait()
                output.finish()
                raise output.added_to(error) from None

    async def _read(self, instance: Instance, output: ProgramOutput, read: Event) -> None:
        await self._output.follow(instance, output)
        read.set()


def _named(instances: Sequence[Instance]) -> str:
    """Return what a person calls them, as in "web.1 on port 30001, worker.1"."""
    return ", ".join(i.spoken_name + (f" on port {i.port}" if i.port else "") for i in instances)
