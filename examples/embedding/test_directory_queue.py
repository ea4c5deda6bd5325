"""Tests the queue in `directory_queue.py`: its contract, and its use in an application."""

from datetime import timedelta
from pathlib import Path

import pytest
from anyio import fail_after
from attrs import evolve
from examples.embedding.directory_queue import DirectoryQueue

from pushpaka_core import (
    Actor,
    Adapters,
    NewDeployment,
    NewProject,
    Registration,
    RuntimeChoice,
    Settings,
    open_application,
)
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.testing.queue import PROJECT, QueueContract

pytestmark = pytest.mark.anyio


@pytest.fixture
def queue(tmp_path: Path) -> DeploymentQueue:
    return DirectoryQueue(tmp_path)


class TestDirectoryQueue(QueueContract):
    """Runs the `DeploymentQueue` contract against the example's queue."""


async def test_a_hint_reaches_another_process(tmp_path: Path) -> None:
    one, other = DirectoryQueue(tmp_path), DirectoryQueue(tmp_path)

    await one.notify(PROJECT)

    assert await other.wait(timedelta(seconds=1))


async def test_application_sends_hints_to_the_queue(queue: DeploymentQueue, tmp_path: Path) -> None:
    def swap(adapters: Adapters) -> Adapters:
        return evolve(adapters, queue=queue)

    settings = Settings(data_directory=tmp_path / "data", runtime=RuntimeChoice.MEMORY)
    async with open_application(settings, swap=swap) as pushpaka:
        jane = Registration(email="jane@example.com", name="Jane", password="correct horse")
        actor = Actor.from_user((await pushpaka.accounts.register(jane)).user)
        new = NewProject(name="shop", repo_url="https://git.example.com/shop")
        shop = await pushpaka.projects.create(actor, new)
        await pushpaka.deployments.deploy(actor, NewDeployment(project_id=shop.project.id))

        with fail_after(5):
            assert await queue.wait(timedelta(seconds=1))
