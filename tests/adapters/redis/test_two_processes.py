"""Tests an instance of two processes with Redis, including restarts and hangs of Redis."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from anyio import create_task_group, fail_after, sleep
from attrs import evolve
from tests.adapters.redis.platforms import ONLY_HINTS, TwoProcesses, open_two_processes
from tests.http.clients import PASSWORD, Person, open_websocket
from tests.servers.redis import RedisServer

from pushpaka_http.middleware.rate_limits import Limits

pytestmark = [pytest.mark.anyio, pytest.mark.needs("redis")]

POLLING = evolve(ONLY_HINTS, poll_interval=timedelta(milliseconds=300))
"""Timings with fast polling, so that a lost hint delays a job by only one poll interval."""
GENEROUS = Limits(deployments_per_project=1000, requests_per_user=100_000)


@pytest.mark.usefixtures("patient")
async def test_repeated_hints_start_one_deployment(own_redis: RedisServer) -> None:
    """The other process starts the deployment at once, and its log can be followed."""
    own_redis.start()
    async with open_two_processes(own_redis.url) as two:
        await two.wait_until_connected()
        ann = await Person.register(two.api.client, "ann@example.com")
        url = f"/api/v1/logs/{{}}/stream?token={ann.token}"

        with fail_after(60):
            deployment = await ann.deployment()
            for _ in range(10):
                await two.api.redis.queue.notify(deployment["project_id"])
            async with open_websocket(two.api.app, url.format(deployment["id"])) as browser:
                while "Listening." not in (await browser.line())["message"]:
                    pass
        await poll_until(ann, deployment, "running")

    assert 1 == len(two.builder.requests)


@pytest.mark.usefixtures("patient")
async def test_cancellation_and_limits_reach_the_other_process_at_once(
    own_redis: RedisServer,
) -> None:
    """A build is canceled before the worker's next heartbeat. The APIs count sign-ins together."""
    own_redis.start()
    async with open_two_processes(own_redis.url, limits=Limits(sign_ins_per_client=4)) as two:
        two.builder.is_hanging = True
        await two.wait_until_connected()
        ann = await Person.register(two.api.client, "ann@example.com")
        deployment = await ann.deployment()
        await poll_until(ann, deployment, "building")

        await ann.post(f"/deployments/{deployment['id']}/cancel")

        await poll_until(ann, deployment, "cancelled")
        answers = [await sign_in(two, n) for n in range(5)]

    assert [401, 401, 401, 429, 429] == answers


async def test_everything_works_without_redis(own_redis: RedisServer) -> None:
    """Workers poll, the health is degraded, and each process has its own rate limits."""
    limits = Limits(sign_ins_per_client=2)
    async with open_two_processes(own_redis.url, timeouts=POLLING, limits=limits) as two:
        ann = await Person.register(two.api.client, "ann@example.com")
        deployment = await ann.deployment()
        await poll_until(ann, deployment, "running")
        steps = (await ann.get(f"/deployments/{deployment['id']}/events")).json()["data"]
        health = await two.api.health()
        answers = [await sign_in(two, n) for n in range(5)]

    assert "Requested by a user" == steps[0]["cause"]
    assert ("degraded", False) == (health["status"], health["checks"]["redis"])
    assert [401, 401, 429, 401, 429] == answers


async def test_hung_redis_delays_one_request(own_redis: RedisServer) -> None:
    """Only one request waits for Redis, and the processes reconnect afterwards."""
    own_redis.start()
    async with open_two_processes(own_redis.url, limits=GENEROUS) as two:
        await two.wait_until_connected()
        ann = await Person.register(two.api.client, "ann@example.com")
        project = await ann.project()
        before = count_requests(own_redis)
        own_redis.suspend()

        with fail_after(60):
            await ann.get("/projects")
            for _ in range(5):
                await ann.deployment(project["id"])
                await two.api.health()
            async with create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(ann.get, "/deployments")
        state = await two.api.health()
        own_redis.resume()
        await two.wait_until_connected()

    assert state["checks"]["redis"] is False
    assert count_requests(own_redis) - before <= 1


async def test_redis_outages_lose_and_duplicate_nothing(
    own_redis: RedisServer,
) -> None:
    """All accepted deployments run, each is built once, and the logs are complete."""
    own_redis.start()
    async with open_two_processes(own_redis.url, timeouts=POLLING, limits=GENEROUS) as two:
        await two.wait_until_connected()
        ann = await Person.register(two.api.client, "ann@example.com")
        projects = [await ann.project(f"shop-{n}") for n in range(8)]
        deployments = []
        for number, project in enumerate(projects):
            deployments.append(await ann.deployment(project["id"]))
            [own_redis.flush, own_redis.restart, own_redis.flush, own_redis.kill][number % 4]()
            if number % 4 == 3:
                own_redis.start()

        for deployment in deployments:
            await poll_until(ann, deployment, "running")
        numbers = [await sequence(ann, deployment) for deployment in deployments]

    builds = Counter(str(r.lease.deployment_id) for r in two.builder.requests)
    assert {deployment["id"]: 1 for deployment in deployments} == builds
    assert len(deployments) == len(two.runtime.running)
    assert all(list(range(1, len(seqs) + 1)) == seqs for seqs in numbers)


async def poll_until(ann: Person, deployment: dict[str, Any], status: str) -> None:
    with fail_after(60):
        while status != (await ann.get(f"/deployments/{deployment['id']}")).json()["status"]:
            await sleep(0.02)


async def sequence(ann: Person, deployment: dict[str, Any]) -> list[int]:
    answer = await ann.get(f"/logs/{deployment['id']}?limit=1000")
    return [line["seq"] for line in answer.json()["data"]]


async def sign_in(processes: TwoProcesses, number: int) -> int:
    """Try to sign in, alternating between the processes, and return the status."""
    process = (processes.api, processes.worker)[number % 2]
    body = {"email": f"{number}@example.com", "password": PASSWORD}
    return (await process.client.post("/api/v1/auth/login", json=body)).status_code


def count_requests(server: RedisServer) -> int:
    """Return the number of requests that Redis has counted so far."""
    with server.client() as client:
        statistics = client.info("commandstats")
    return int(statistics.get("cmdstat_evalsha", {"calls": 0})["calls"])
