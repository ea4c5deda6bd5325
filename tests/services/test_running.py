"""Instances brought up for a job, and taken away again."""

from datetime import timedelta

import pytest
from anyio import create_task_group, sleep_forever, wait_all_tasks_blocked
from attrs import evolve, frozen
from tests.services.platform import PORTS, Platform

from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.instances import Instance
from pushpaka_core.domain.logs import LONGEST_LINE
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.services.background import alongside, together
from pushpaka_core.services.deployment_log import ProgramOutput
from pushpaka_core.services.instance_output import InstanceOutput
from pushpaka_core.testing.objects import an_instance

pytestmark = pytest.mark.anyio

S = DeploymentStatus


async def test_each_instance_has_a_port_of_its_own(platform: Platform, shop: Project) -> None:
    """Ports of instances that still run are given to nobody else."""
    for _ in range(3):
        await platform.served(shop)

    ports = [instance.port for instance in await platform.instances()]
    assert 3 == len(set(ports))
    assert set(ports) <= set(PORTS)


async def test_what_an_application_says_first_stands_before_its_health(
    platform: Platform, shop: Project
) -> None:
    """Its own first lines come before the word that it is healthy, also when read late."""
    platform.commit()
    running = platform.engine.running
    late = evolve(running, output=LateOutput(platform.runtime))
    await platform.queued(shop)
    lease = await platform.claimed()

    await evolve(platform.engine.pipeline, running=late).prepare(lease)

    said = await platform.said(lease.deployment_id)
    assert said.index("Listening.") < said.index("It is healthy and takes over.")
    assert 1 == said.count("Listening.")


@frozen
class LateOutput(InstanceOutput):
    """Reads on so late that an instance is healthy before."""

    async def follow(self, instance: Instance, output: ProgramOutput) -> None:
        """Begin where the reading ended, and get no further."""
        output.begin_at(instance.output_position)
        await sleep_forever()


async def test_without_a_free_port_nothing_is_started(platform: Platform) -> None:
    """That is the platform's fault: the sentence names the range, and no row is left."""
    project = await platform.project(replicas=100)
    await platform.served(project)
    await platform.queued(project)

    waiting = await platform.work()

    assert S.QUEUED is waiting.status
    assert "The platform is at fault: All ports from 20000 to 20099 are in use." in (
        await platform.said(waiting.id)
    )
    assert 100 == len(await platform.instances())


@pytest.mark.parametrize("set_by", [0, -3600, 3600])
async def test_a_process_without_a_port_is_healthy_once_it_is_steady(
    platform: Platform, shop: Project, set_by: int
) -> None:
    """
    It only has to live; the health check time-out of the project may be shorter than that.

    A clock that is set meanwhile makes it neither older nor younger.
    """
    running = await platform.served(shop)
    worker = an_instance(running, process_type="worker")
    (request,) = platform.runtime.living.values()
    await platform.runtime.start(evolve(request, instance=worker))
    timings = evolve(platform.engine.timings, steady=timedelta(seconds=5))
    patient = evolve(platform.engine.running._starting, timings=timings)
    job = await platform.engine.jobs.of(running)
    settings = evolve(job.settings, health_check_timeout=1)
    hasty = evolve(job, deployment=evolve(running, run_settings=settings))

    await patient.look(hasty, worker)
    platform.clock.jump(set_by)
    platform.clock.tick(4)
    young = await patient.look(hasty, worker)
    platform.clock.tick(1)
    old = await patient.look(hasty, worker)

    assert ("it has run for a moment only", None) == (young.missing, old.missing)
    assert timedelta(seconds=10) == patient.patience(hasty, worker)


async def test_a_release_command_that_takes_too_long_is_ended(
    platform: Platform, shop: Project
) -> None:
    """It fails with a sentence that says how long it had."""
    platform.commit(Procfile="web: ./serve\nrelease: ./migrate\n")
    platform.runtime.is_hanging = True
    running = platform.engine.running
    await platform.queued(shop)
    lease = await platform.claimed()
    hasty = evolve(
        platform.engine.pipeline,
        running=evolve(
            running, timings=evolve(platform.engine.timings, release=timedelta(milliseconds=30))
        ),
    )

    await hasty.prepare(lease)

    failed = await platform.row(lease.deployment_id)
    assert (S.FAILED, Phase.RELEASE) == (failed.status, failed.phase)
    assert (
        "The release command took longer than 0.0005 min and was ended.\nListening." == failed.error
    )


async def test_a_build_that_takes_too_long_is_ended(platform: Platform, shop: Project) -> None:
    """The deployment fails with the builder's sentence and the last lines."""
    platform.builder.is_hanging = True
    await platform.queued(shop)
    lease = await platform.claimed()
    building = platform.engine.pipeline._building
    timings = evolve(platform.engine.timings, build=timedelta(milliseconds=30))
    hasty = evolve(platform.engine.pipeline, building=evolve(building, timings=timings))

    await hasty.prepare(lease)

    failed = await platform.row(lease.deployment_id)
    assert "The build took longer than 0.03 seconds.\nBuilt." == failed.error


async def test_a_build_that_prints_too_much_is_cut_short_in_the_log(
    platform: Platform, shop: Project
) -> None:
    """Of more than 20 MiB the rest is left out, with a word in its place; the build goes on."""
    line = "x" * (LONGEST_LINE - 1)
    platform.builder.output = [f"{line}\n"] * 1300

    running = await platform.served(shop)

    said = await platform.said(running.id)
    assert S.RUNNING is running.status
    assert 20 * 1024 * 1024 // LONGEST_LINE == said.count(line)
    assert 1 == said.count("The output is over 20971520 bytes; the rest is not kept.")


class TestAlongside:
    async def test_ends_with_its_block(self) -> None:
        """What runs beside a block is cancelled at its end."""
        ends = []

        async def forever() -> None:
            try:
                await wait_all_tasks_blocked()
                async with create_task_group() as group:
                    group.start_soon(sleep_forever)
            finally:
                ends.append("ended")

        async with alongside(forever):
            await wait_all_tasks_blocked()

        assert ["ended"] == ends

    async def test_lets_errors_out_as_they_are(self) -> None:
        """An error of what runs beside ends the block, and is no group."""

        async def fail() -> None:
            async with create_task_group() as group:
                group.start_soon(_break)

        with pytest.raises(PlatformFaultError):
            async with alongside(fail):
                await sleep_forever()


async def test_together_all_are_done_before_the_first_error_is_raised() -> None:
    """One that fails does not keep the others from their end."""
    done = []

    async def work() -> None:
        await wait_all_tasks_blocked()
        done.append("done")

    with pytest.raises(PlatformFaultError):
        await together([_break, work, _break])

    assert ["done"] == done


async def _break() -> None:
    raise PlatformFaultError("The disk is full.")
