"""Starts the instances of a deployment, and runs its release command."""

from collections.abc import Sequence
from functools import partial

from anyio import Event, create_task_group, move_on_after
from attrs import frozen

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.instances.instances import RELEASE_PROCESS_TYPE, Instance
from pushpaka_core.domain.platform.failpoints import PROBE
from pushpaka_core.errors import StartError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.processes import Exit
from pushpaka_core.ports.system import Failpoints
from pushpaka_core.services.concurrency import background_task, first_error
from pushpaka_core.services.deployments.jobs import Job
from pushpaka_core.services.instances.removal import InstanceRemoval
from pushpaka_core.services.instances.rows import InstanceRows
from pushpaka_core.services.instances.starter import InstanceStarter
from pushpaka_core.services.instances.startup_health import StartupHealth
from pushpaka_core.services.logs.deployment_log import DeploymentLog, ProgramOutput
from pushpaka_core.services.logs.instance_output import FINAL_OUTPUT_SECONDS, InstanceOutputReader


@frozen(kw_only=True)
class InstanceLifecycle:
    """Runs the release command of a deployment, and starts its instances until all are healthy."""

    _builder: Builder
    _rows: InstanceRows
    _starter: InstanceStarter
    _health: StartupHealth
    _removal: InstanceRemoval
    _output: InstanceOutputReader
    _failpoints: Failpoints
    _timeouts: Timeouts

    def has_release_command(self, job: Job) -> bool:
        """Return True if the release of *job* has a release command."""
        return RELEASE_PROCESS_TYPE in job.required_release.plan.processes

    async def run_release_command(self, job: Job, log: DeploymentLog) -> None:
        """
        Run the release command, and write its output to *log*.

        Raises:
            StartError: If the command fails or times out. The error has the last lines of its
                output.
        """
        output = log.open_output(Phase.RELEASE)
        try:
            exit_ = await self._run_once(job, output)
        except TimeoutError:
            minutes = self._timeouts.release.total_seconds() / 60
            sentence = (
                f"The release command took longer than {minutes:g} min and was stopped. Make it "
                "faster, or ask the operator of this instance for a longer timeout."
            )
            raise output.attach_tail(StartError(sentence)) from None
        if not exit_.succeeded:
            raise output.attach_tail(
                StartError(
                    f"The release command {exit_.description}. Check its output, fix the command, "
                    "and deploy again."
                )
            )

    async def start_all(self, job: Job, log: DeploymentLog) -> None:
        """
        Start all instances at the same time, and return when all are healthy.

        Raises:
            StartError: If the artifact was removed, or an instance does not become healthy. The
                error has the last lines of its output.
            StaleEntityError: If the active deployment was changed since *job* was loaded.
            LeaseLostError: If another worker has the deployment.
        """
        if not await self._builder.exists(job.required_release.artifact):
            raise StartError("The build output has been removed. Deploy the commit again.")
        instances = await self._rows.reserve(job)
        await log.write(f"Starting {_describe(instances)}.", Phase.START)
        try:
            async with create_task_group() as tasks:
                for instance in instances:
                    tasks.start_soon(self._start_one, job, instance, log)
        except ExceptionGroup as group:
            raise first_error(group) from None

    async def _run_once(self, job: Job, output: ProgramOutput) -> Exit:
        instance = await self._rows.reserve_release_command(job)
        try:
            exit_ = await self._starter.run_once(
                job, instance, timeout=self._timeouts.release, on_output=output
            )
        finally:
            output.finish()
        await self._removal.remove_all([instance])
        return exit_

    async def _start_one(self, job: Job, instance: Instance, log: DeploymentLog) -> None:
        line_prefix = instance.log_prefix(job.settings.replicas)
        output = log.open_output(Phase.START, instance.id, line_prefix=lambda: line_prefix)
        await self._starter.start(job, instance)
        await self._failpoints.hit(PROBE)
        try:
            await self._read_until_healthy(job, instance, output)
        except BaseException:
            output.finish()
            raise
        with move_on_after(FINAL_OUTPUT_SECONDS):
            remaining_output = log.open_output(
                Phase.START, instance.id, line_prefix=lambda: line_prefix
            )
            await self._output.catch_up(instance, remaining_output, output.position)

    async def _read_until_healthy(
        self, job: Job, instance: Instance, output: ProgramOutput
    ) -> None:
        read = Event()
        async with background_task(partial(self._copy_output, instance, output, read)):
            try:
                await self._health.wait_until_healthy(job, instance)
            except StartError as error:
                await self._starter.stop(instance)
                with move_on_after(FINAL_OUTPUT_SECONDS):
                    await read.wait()
                output.finish()
                raise output.attach_tail(error) from None

    async def _copy_output(
        self, instance: Instance, output: ProgramOutput, read_event: Event
    ) -> None:
        await self._output.follow(instance, output)
        read_event.set()


def _describe(instances: Sequence[Instance]) -> str:
    """Return the names and ports of *instances*, such as "web.1 on port 30001, worker.1"."""
    return ", ".join(i.display_name + (f" on port {i.port}" if i.port else "") for i in instances)
