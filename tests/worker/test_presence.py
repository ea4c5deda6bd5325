"""A worker process is seen as long as it lives."""

from datetime import timedelta

import pytest
from anyio import fail_after, sleep, sleep_forever
from attrs import evolve
from tests.services.platform import Platform, until_logged

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.workers import WorkerProcess
from pushpaka_core.errors import SettingsError
from pushpaka_core.services.background import alongside
from pushpaka_worker import open_worker
from pushpaka_worker.presence import Presence

pytestmark = pytest.mark.anyio


async def seen_of(platform: Platform) -> list[WorkerProcess]:
    return list(await platform.application.system.workers(PLATFORM))


async def until_jobs(platform: Platform, jobs: int) -> None:
    with fail_after(10):
        while [jobs] != [worker.jobs for worker in await seen_of(platform)]:
            await sleep(0.01)


async def test_a_worker_shows_its_load_until_it_ends(platform: Platform, shop: Project) -> None:
    """With each heartbeat, and nothing of it is left behind its end."""
    platform.source.is_hanging = True

    async with open_worker(platform.application):
        (begun,) = await seen_of(platform)
        queued = await platform.queued(shop)
        await until_jobs(platform, 1)
        await platform.application.deployments.cancel(platform.owner, queued.id)
        await until_jobs(platform, 0)

    assert (0, platform.engine.concurrency) == (begun.jobs, begun.concurrency)
    assert begun.name.startswith("local-")
    assert [] == await seen_of(platform)


async def test_no_two_workers_have_one_name(platform: Platform) -> None:
    """Nor where their processes have one number, as in containers."""
    application = platform.application

    async with open_worker(application, is_alone=False), open_worker(application, is_alone=False):
        names = {worker.name for worker in await seen_of(platform)}

    assert 2 == len(names)


async def test_a_worker_ends_whose_node_was_taken_over(platform: Platform) -> None:
    """It hears of it with the next heartbeat, so that no two nodes deploy for long."""

    async def work() -> None:
        async with open_worker(platform.application):
            async with platform.storage.transaction() as uow:
                await uow.nodes.put(Node(runtime="memory", name="elsewhere"))
            await sleep_forever()

    with pytest.raises(SettingsError, match="elsewhere"), fail_after(10):
        await work()


async def test_an_outage_does_not_end_the_worker(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    """It is seen again behind it."""
    caplog.set_level("DEBUG", logger="pushpaka_worker")
    attendance = platform.engine.attendance
    worker = await attendance.arrive("worker-1", concurrency=1)
    timings = evolve(platform.engine.timings, heartbeat=timedelta(milliseconds=10))

    async with alongside(Presence(attendance, timings, worker, lambda: 1).run):
        await until_jobs(platform, 1)
        platform.storage.fail()
        await until_logged(caplog, "nobody sees that this worker lives")
        platform.storage.recover()
        await attendance.beat(worker, jobs=0)

        await until_jobs(platform, 1)
