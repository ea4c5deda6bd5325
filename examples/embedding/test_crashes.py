"""Tests of a program that embeds Pushpaka: no process is started, and the test steps the clock."""

from datetime import UTC, datetime, timedelta

import pytest
from anyio import fail_after, sleep
from attrs import evolve

from pushpaka_core import (
    Actor,
    NewDeployment,
    NewProject,
    Options,
    Registration,
    assemble,
    memory_adapters,
)
from pushpaka_core.adapters.memory.runtime import MemoryRuntime
from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_worker import open_worker

SHOP = "https://git.example.com/shop"
COMMIT = MemoryCommit(sha="a" * 40, files={"index.html": "<h1>Shop</h1>"})
QUICK = Timeouts(
    poll_interval=timedelta(milliseconds=10), supervision_interval=timedelta(milliseconds=10)
)


class Clock:
    """A clock that stands still until a test advances it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.anyio
async def test_crashed_application_runs_again_after_its_pause() -> None:
    clock = Clock()
    runtime = MemoryRuntime(now=clock)
    source = MemorySource(repositories={SHOP: {"main": [COMMIT]}})
    adapters = evolve(memory_adapters(now=clock), runtime=runtime, source=source)
    pushpaka = assemble(adapters, Options(timeouts=QUICK))
    jane = Registration(email="jane@example.com", name="Jane", password="correct horse")
    actor = Actor.from_user((await pushpaka.accounts.register(jane)).user)
    project = await pushpaka.projects.create(actor, NewProject(name="shop", repo_url=SHOP))

    async def until(status: str) -> None:
        with fail_after(5):
            while (await pushpaka.deployments.get(actor, deployment.id)).status != status:
                await sleep(0.01)

    async with open_worker(pushpaka):
        wanted = NewDeployment(project_id=project.project.id)
        deployment = await pushpaka.deployments.deploy(actor, wanted)
        await until("running")

        runtime.crash(next(iter(runtime.running)))
        await until("crashed")
        clock.now += timedelta(seconds=1)
        await until("running")

    assert 1 == len(runtime.running)
