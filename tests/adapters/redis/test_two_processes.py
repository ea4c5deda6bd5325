"""An instance in two processes: joined by Redis, and while Redis is ill-treated."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from anyio import create_task_group, current_time, fail_after, sleep
from attrs import evolve
from tests.adapters.redis.platforms import ONLY_HINTS, TwoProcesses, open_two_processes
from tests.http.clients import PASSWORD, Person, connected
from tests.redis_server import RedisServer

from pushpaka_core.services.background import alongside
from pushpaka_http.rate_limits import Limits

pytestmark = [pytest.mark.anyio, pytest.mark.needs("redis")]

POLLING = evolve(ONLY_HINTS, poll=timedelta(seconds=2))
"""A lost hint costs two seconds, as it does where nobody hastens anything."""
GENEROUS = Limits(deployments_per_project=1000, requests_per_user=100_000)


async def test_work_is_begun_and_seen_at_once_in_other_processes(own_redis: RedisServer) -> None:
    """What is asked for here is done there, and its log is read here while it is written."""
    own_redis.start()
    async with open_two_processes(own_redis.url) as two:
        await two.until_joined()
        ann = await Person.registered(two.api.client, "ann@example.com")
        url = f"/api/v1/logs/{{}}/stream?token={ann.token}"

        with fail_after(4):
            deployment = await ann.deployment()
            async with connected(two.api.app, url.format(deployment["id"])) as browser:
                while "Listening." not in (await browser.line())["message"]:
                    pass
            await until(ann, deployment, "running")


async def test_cancelling_reaches_the_worker_at_once(own_redis: RedisServer) -> None:
    """A worker in another process lets go of a build long before its next heartbeat."""
    own_redis.start()
    async with open_two_processes(own_redis.url) as two:
        two.builder.is_hanging = True
        await two.until_joined()
        ann = await Person.registered(two.api.client, "ann@example.com")
        deployment = await ann.deployment()
        await until(ann, deployment, "building")

        await ann.post(f"/deployments/{deployment['id']}/cancel")

        await until(ann, deployment, "cancelled")


async def test_limits_hold_for_all_processes_together(own_redis: RedisServer) -> None:
    """Whoever is refused in one process is refused in the next as well."""
    own_redis.start()
    async with open_two_processes(own_redis.url, limits=Limits(sign_ins_per_client=3)) as two:
        await two.until_joined()

        answers = [await sign_in(two, n) for n in range(5)]

    assert [401, 401, 401, 429, 429] == answers


async def test_without_redis_everything_works(own_redis: RedisServer) -> None:
    """A deployment is accepted and claimed within the poll, health tells, limits are each's own."""
    limits = Limits(sign_ins_per_client=2)
    async with open_two_processes(own_redis.url, timings=POLLING, limits=limits) as two:
        ann = await Person.registered(two.api.client, "ann@example.com")
        async with alongside(partial(note_stalls, stalls := [0.0])):
            deployment = await ann.deployment()
            await until(ann, deployment, "running")
        steps = (await ann.get(f"/deployments/{deployment['id']}/events")).json()["data"]
        health = await two.api.health()
        answers = [await sign_in(two, n) for n in range(5)]

    assert "It was asked for" == steps[0]["cause"]
    assert steps[0]["duration_ms"] / 1000 - max(stalls) < 2.25
    assert ("degraded", False) == (health["status"], health["checks"]["redis"])
    assert [401, 401, 429, 401, 429] == answers


async def test_hung_redis_slows_no_request_by_a_second(own_redis: RedisServer) -> None:
    """People wait a quarter of a second once, and all is well again when Redis goes on."""
    own_redis.start()
    async with open_two_processes(own_redis.url, limits=GENEROUS) as two:
        await two.until_joined()
        ann = await Person.registered(two.api.client, "ann@example.com")
        project = await ann.project()
        own_redis.pause()

        async with alongside(partial(note_stalls, stalls := [0.0])):
            seconds = [
                await seconds_of(ann.get("/projects")),
                *[await seconds_of(ann.deployment(project["id"])) for _ in range(5)],
                *[await seconds_of(two.api.health()) for _ in range(5)],
                *await together(20, lambda: ann.get("/deployments")),
            ]
        state = await two.api.health()
        own_redis.go_on()
        await two.until_joined()

    assert state["checks"]["redis"] is False
    assert max(seconds) - max(stalls) < 1


async def test_nothing_is_lost_or_doubled_while_redis_forgets_and_dies(
    own_redis: RedisServer,
) -> None:
    """Deployments that are accepted meanwhile all run, each built once, and logs are whole."""
    own_redis.start()
    async with open_two_processes(own_redis.url, timings=POLLING, limits=GENEROUS) as two:
        await two.until_joined()
        ann = await Person.registered(two.api.client, "ann@example.com")
        projects = [await ann.project(f"shop-{n}") for n in range(12)]
        deployments = []
        for number, project in enumerate(projects):
            deployments.append(await ann.deployment(project["id"]))
            [own_redis.flush, own_redis.restart, own_redis.flush, own_redis.kill][number % 4]()
            if number % 4 == 3:
                own_redis.start()

        for deployment in deployments:
            await until(ann, deployment, "running")
        numbers = [await sequence(ann, deployment) for deployment in deployments]

    builds = Counter(str(r.lease.deployment_id) for r in two.builder.requests)
    assert {deployment["id"]: 1 for deployment in deployments} == builds
    assert len(deployments) == len(two.runtime.living)
    assert all(list(range(1, len(seqs) + 1)) == seqs for seqs in numbers)


async def test_hint_that_comes_ten_times_is_one_run(own_redis: RedisServer) -> None:
    """Hints are no work: the row in the database is claimed once."""
    own_redis.start()
    async with open_two_processes(own_redis.url) as two:
        await two.until_joined()
        ann = await Person.registered(two.api.client, "ann@example.com")
        deployment = await ann.deployment()

        for _ in range(10):
            await two.api.redis.queue.announce(deployment["project_id"])
        await until(ann, deployment, "running")

    assert 1 == len(two.builder.requests)


async def until(ann: Person, deployment: dict[str, Any], status: str) -> None:
    with fail_after(20):
        while status != (await ann.get(f"/deployments/{deployment['id']}")).json()["status"]:
            await sleep(0.02)


async def sequence(ann: Person, deployment: dict[str, Any]) -> list[int]:
    answer = await ann.get(f"/logs/{deployment['id']}?limit=1000")
    return [line["seq"] for line in answer.json()["data"]]


async def sign_in(two: TwoProcesses, number: int) -> int:
    """Try to sign in, in one process or the other by turns, and return the status."""
    process = (two.api, two.worker)[number % 2]
    body = {"email": f"{number}@example.com", "password": PASSWORD}
    return (await process.client.post("/api/v1/auth/login", json=body)).status_code


async def seconds_of(asked: Awaitable[object]) -> float:
    begin = current_time()
    await asked
    return current_time() - begin


async def note_stalls(stalls: list[float]) -> None:
    """Note how long the machine itself makes everything wait, which is not Redis's fault."""
    while True:
        begin = current_time()
        await sleep(0.01)
        stalls.append(current_time() - begin)


async def together(number: int, ask: Callable[[], Awaitable[object]]) -> list[float]:
    seconds: list[float] = []

    async def one() -> None:
        seconds.append(await seconds_of(ask()))

    async with create_task_group() as tasks:
        for _ in range(number):
            tasks.start_soon(one)
    return seconds
