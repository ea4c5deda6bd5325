"""A worker process is registered while it runs."""

from datetime import timedelta

import pytest
from anyio import fail_after, sleep, sleep_forever
from attrs import evolve
from tests.platform_fixtures import Platform, wait_until_logged

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.platform.nodes import Node, WorkerProcess
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import SettingsError
from pushpaka_core.services.concurrency import background_task
from pushpaka_worker import open_worker
from pushpaka_worker.heartbeat import Heartbeat

pytestmark = pytest.mark.anyio


async def workers_of(platform: Platform) -> list[WorkerProcess]:
    return list(await platform.application.system.workers(PLATFORM))


async def wait_for_job_count(platform: Platform, job_count: int) -> None:
    with fail_after(10):
        while [job_count] != [worker.jobs for worker in await workers_of(platform)]:
            await sleep(0.01)


async def test_a_worker_is_registered_with_its_jobs_until_it_ends(
    platform: Platform, shop: Project
) -> None:
    platform.source.is_hanging = True

    async with open_worker(platform.application):
        (begun,) = await workers_of(platform)
        queued = await platform.enqueue(shop)
        await wait_for_job_count(platform, 1)
        await platform.application.deployments.cancel(platform.owner, queued.id)
        await wait_for_job_count(platform, 0)

    assert (0, platform.worker_services.concurrency) == (begun.jobs, begun.concurrency)
    assert begun.name.startswith("local-")
    assert [] == await workers_of(platform)


async def test_worker_names_are_unique(platform: Platform) -> None:
    application = platform.application

    async with (
        open_worker(application, is_only_worker=False),
        open_worker(application, is_only_worker=False),
    ):
        names = {worker.name for worker in await workers_of(platform)}

    assert 2 == len(names)


async def test_a_worker_ends_after_a_takeover_of_its_node(platform: Platform) -> None:
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
    caplog.set_level("DEBUG", logger="pushpaka_worker")
    worker_registry = platform.worker_services.worker_registry
    worker = await worker_registry.register("worker-1", concurrency=1)
    timings = evolve(
        platform.worker_services.timeouts, heartbeat_interval=timedelta(milliseconds=10)
    )

    async with background_task(Heartbeat(worker_registry, timings, worker, lambda: 1).run):
        await wait_for_job_count(platform, 1)
        platform.storage.fail()
        await wait_until_logged(caplog, "This worker's heartbeat cannot be recorded")
        platform.storage.recover()
        await worker_registry.record_heartbeat(worker, jobs=0)

        await wait_for_job_count(platform, 1)
