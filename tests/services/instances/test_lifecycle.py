"""Start, health checks and removal of the instances of a deployment."""

from datetime import timedelta

import pytest
from anyio import create_task_group, sleep_forever, wait_all_tasks_blocked
from attrs import define, evolve
from tests.platform_fixtures import PORTS, Platform

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.logs.logs import MAX_LINE_LENGTH
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.services.concurrency import background_task, run_all
from pushpaka_core.services.logs.deployment_log import ProgramOutput
from pushpaka_core.services.logs.instance_output import InstanceOutputReader
from pushpaka_core.testing.objects.deployments import an_instance

pytestmark = pytest.mark.anyio

S = DeploymentStatus


async def test_each_instance_has_its_own_port(platform: Platform, shop: Project) -> None:
    for _ in range(3):
        await platform.deploy(shop)

    ports = [instance.port for instance in await platform.instances()]
    assert 3 == len(set(ports))
    assert set(ports) <= set(PORTS)


async def test_startup_output_precedes_the_health_check_line(
    platform: Platform, shop: Project
) -> None:
    platform.commit()
    running = platform.worker_services.instance_lifecycle
    late = evolve(running, output=LateOutput(platform.runtime))
    lease = await platform.begin(shop)

    await evolve(platform.worker_services.pipeline, lifecycle=late).prepare(lease)

    log = await platform.messages(lease.deployment_id)
    assert log.index("Listening.") < log.index("The health check passed. Switching traffic.")
    assert 1 == log.count("Listening.")


@define
class LateOutput(InstanceOutputReader):
    """An output reader that reads nothing while an instance starts."""

    async def follow(self, instance: Instance, output: ProgramOutput) -> None:
        """Start at the stored position, and never read anything."""
        output.resume_at(instance.output_position)
        await sleep_forever()


async def test_without_a_free_port_nothing_is_started(platform: Platform) -> None:
    project = await platform.project(replicas=100)
    await platform.deploy(project)
    await platform.enqueue(project)

    waiting = await platform.work()

    assert S.QUEUED is waiting.status
    assert (
        "Internal error: All ports from 20000 to 20099 are in use. The operator can set"
        " PUSHPAKA_INSTANCE_PORTS to a larger range."
    ) in await platform.messages(waiting.id)
    assert 100 == len(await platform.instances())


@pytest.mark.parametrize("clock_jump", [0, -3600, 3600])
async def test_a_process_without_a_port_is_healthy_once_it_is_steady(
    platform: Platform, shop: Project, clock_jump: int
) -> None:
    """The minimum uptime may exceed the health check timeout, and ignores clock jumps."""
    running = await platform.deploy(shop)
    worker = an_instance(running, process_type="worker")
    (request,) = platform.runtime.running.values()
    await platform.runtime.start(evolve(request, instance=worker))
    timings = evolve(platform.worker_services.timeouts, min_uptime=timedelta(seconds=5))
    patient = evolve(platform.worker_services.instance_lifecycle._health, timeouts=timings)
    job = await platform.worker_services.job_loader.load_for_deployment(running)
    settings = evolve(job.settings, health_check_timeout=1)
    hasty = evolve(job, deployment=evolve(running, run_settings=settings))

    await patient.check(hasty, worker)
    platform.clock.jump(clock_jump)
    platform.clock.advance(4)
    young = await patient.check(hasty, worker)
    platform.clock.advance(1)
    old = await patient.check(hasty, worker)

    assert ("it has only just started", None) == (young.unhealthy_reason, old.unhealthy_reason)
    assert timedelta(seconds=10) == patient.timeout(hasty, worker)


async def test_a_release_command_that_takes_too_long_is_ended(
    platform: Platform, shop: Project
) -> None:
    platform.commit(Procfile="web: ./serve\nrelease: ./migrate\n")
    platform.runtime.is_hanging = True
    running = platform.worker_services.instance_lifecycle
    lease = await platform.begin(shop)
    hasty = evolve(
        platform.worker_services.pipeline,
        lifecycle=evolve(
            running,
            timeouts=evolve(platform.worker_services.timeouts, release=timedelta(milliseconds=30)),
        ),
    )

    await hasty.prepare(lease)

    failed = await platform.stored_deployment(lease.deployment_id)
    assert (S.FAILED, Phase.RELEASE) == (failed.status, failed.phase)
    assert (
        "The release command took longer than 0.0005 min and was stopped. Make it faster, or ask"
        " the operator of this instance for a longer timeout.\nListening." == failed.error
    )


async def test_a_build_that_takes_too_long_is_ended(platform: Platform, shop: Project) -> None:
    platform.builder.is_hanging = True
    lease = await platform.begin(shop)
    building = platform.worker_services.pipeline._release_build
    timings = evolve(platform.worker_services.timeouts, build=timedelta(milliseconds=30))
    hasty = evolve(
        platform.worker_services.pipeline, release_build=evolve(building, timeouts=timings)
    )

    await hasty.prepare(lease)

    failed = await platform.stored_deployment(lease.deployment_id)
    message, last_line = (failed.error or "").rsplit("\n", 1)
    assert message.startswith("The build took longer than 0.0005 min ")
    assert "Built." == last_line


async def test_a_build_that_prints_too_much_is_cut_short_in_the_log(
    platform: Platform, shop: Project
) -> None:
    line = "x" * (MAX_LINE_LENGTH - 1)
    platform.builder.output = [f"{line}\n"] * 1300

    running = await platform.deploy(shop)

    log = await platform.messages(running.id)
    assert S.RUNNING is running.status
    assert 20 * 1024 * 1024 // MAX_LINE_LENGTH == log.count(line)
    assert 1 == log.count("The output exceeds 20971520 bytes. The rest is not stored.")


class TestBackgroundTask:
    async def test_task_ends_with_its_block(self) -> None:
        ends = []

        async def forever() -> None:
            try:
                await wait_all_tasks_blocked()
                async with create_task_group() as group:
                    group.start_soon(sleep_forever)
            finally:
                ends.append("ended")

        async with background_task(forever):
            await wait_all_tasks_blocked()

        assert ["ended"] == ends

    async def test_errors_are_raised_unchanged(self) -> None:
        async def fail() -> None:
            async with create_task_group() as group:
                group.start_soon(_raise)

        with pytest.raises(PlatformFaultError):
            async with background_task(fail):
                await sleep_forever()


async def test_run_all_finishes_all_calls_before_it_raises_the_first_error() -> None:
    done = []

    async def work() -> None:
        await wait_all_tasks_blocked()
        done.append("done")

    with pytest.raises(PlatformFaultError):
        await run_all([_raise, work, _raise])

    assert ["done"] == done


async def _raise() -> None:
    raise PlatformFaultError("The disk is full.")
