"""`GET /system`, and what the metrics tell of workers."""

import re

import pytest
from tests.http.clients import Person
from tests.http.instances import Instance

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.users import Role
from pushpaka_core.domain.workers import WorkerProcess
from pushpaka_core.testing.objects import a_worker

pytestmark = pytest.mark.anyio


async def working(instance: Instance) -> WorkerProcess:
    """Let a worker be seen."""
    worker = a_worker(jobs=1, seen_at=instance.clock.now)
    async with instance.world.storage.transaction() as uow:
        await uow.nodes.add(Node(runtime="memory", name="alpha"))
        await uow.workers.put(worker)
    return worker


async def test_an_administrator_sees_what_the_instance_runs_on(
    ann: Person, instance: Instance
) -> None:
    """Technologies, the node, and each worker with its load and its last heartbeat."""
    worker = await working(instance)
    await instance.application.accounts.set_role(PLATFORM, "ann@example.com", Role.ADMIN)

    answer = await ann.get("/system")

    assert 200 == answer.status_code, answer.text
    told = answer.json()
    (shown,) = told.pop("workers")
    assert {
        "version": "0.1.0",
        "runtime": "memory",
        "router": "memory",
        "database": "memory",
        "redis": False,
        "base_domain": "localhost",
        "node": "alpha",
        "nodes": None,
    } == told
    assert {
        "name": worker.name,
        "node": "node-1",
        "version": "1.2.3",
        "runtime": "process",
        "jobs": 1,
        "concurrency": 2,
    }.items() <= shown.items()
    assert shown["last_heartbeat_at"].endswith("Z")


async def test_for_others_there_is_no_such_page(ann: Person, instance: Instance) -> None:
    """A user is told nothing of the instance, not even that it could be told."""
    await working(instance)

    answer = await ann.get("/system")

    assert 404 == answer.status_code
    assert "There is no such page." == answer.json()["error"]


async def test_metrics_tell_of_each_worker(ann: Person, instance: Instance) -> None:
    """How many there are, what each is and has in hand; those that are gone leave no label."""
    worker = await working(instance)
    label = f'{{worker="{worker.name}"}}'

    before = (await ann.client.get("/metrics")).text
    async with instance.world.storage.transaction() as uow:
        await uow.workers.remove(worker.id)
    after = (await ann.client.get("/metrics")).text

    assert "pushpaka_workers 1.0" in before
    assert f"pushpaka_worker_jobs{label} 1.0" in before
    assert f"pushpaka_worker_concurrency{label} 2.0" in before
    (heartbeat,) = re.findall(
        re.escape(f"pushpaka_worker_last_heartbeat_timestamp_seconds{label}") + " (.+)", before
    )
    assert worker.seen_at.timestamp() == float(heartbeat)
    about = f'node="node-1",runtime="process",version="1.2.3",worker="{worker.name}"'
    assert f"pushpaka_worker_info{{{about}}} 1.0" in before
    assert "pushpaka_workers 0.0" in after
    assert worker.name not in after
