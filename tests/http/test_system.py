"""`GET /system`, and what the metrics tell of workers."""

import re

import pytest
from attrs import evolve
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
        "queue": {"waiting": 0, "in_work": 0, "oldest_waiting_since": None},
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


async def test_an_administrator_sees_what_waits(ann: Person, instance: Instance) -> None:
    """How many deployments wait and are in work, and since when the first one waits."""
    await instance.application.accounts.set_role(PLATFORM, "ann@example.com", Role.ADMIN)
    await ann.deployment((await ann.project("blog"))["id"])
    await instance.world.claimed()
    instance.clock.tick(60)
    waiting = await ann.deployment((await ann.project("shop"))["id"])

    queue = (await ann.get("/system")).json()["queue"]

    assert {"waiting": 1, "in_work": 1, "oldest_waiting_since": waiting["created_at"]} == queue


async def test_an_administrator_sees_what_was_done(ann: Person, instance: Instance) -> None:
    """Thirty days with what has become of their deployments, how long they took, and phases."""
    await instance.application.accounts.set_role(PLATFORM, "ann@example.com", Role.ADMIN)
    token = (await ann.post("/tokens", {"name": "CI", "scope": "full"})).json()["token"]
    ann = evolve(ann, token=token)
    project = await ann.project()
    await ann.deployment(project["id"])
    await instance.fail()
    instance.clock.tick(24 * 3600)
    await ann.deployment(project["id"])
    instance.clock.tick(2)
    await instance.serve()
    await ann.deployment(project["id"])
    async with instance.world.storage.transaction() as uow:
        await uow.tallies.add({"build_ends": 2, "build_milliseconds": 5000})

    answer = await ann.get("/system/activity")

    nothing = {"succeeded": 0, "failed": 0, "cancelled": 0, "superseded": 0, "open": 0}
    untimed = {"median_ms": None, "p95_ms": None}
    *before, yesterday, today = answer.json()["days"]
    day = instance.clock().date().isoformat()
    assert 28 == len(before)
    assert all(each.items() >= (nothing | untimed).items() for each in before)
    assert nothing | untimed | {"failed": 1} == {k: v for k, v in yesterday.items() if k != "day"}
    assert today == {"day": day, **nothing, "succeeded": 1, "open": 1, "median_ms": 0, "p95_ms": 0}
    assert [{"phase": "build", "times": 2, "mean_ms": 2500}] == answer.json()["phases"]
