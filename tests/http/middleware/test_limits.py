"""Rate limits, and the client addresses that they count."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest
from anyio import create_task_group
from attrs import evolve
from litestar import Litestar
from tests.http.clients import (
    PASSWORD,
    Person,
    close_code,
    log_stream_path,
    speaking_to,
    statuses_of,
)
from tests.http.instances import Instance
from tests.service_fixtures import SteppedClock

from pushpaka_http.app import create_app
from pushpaka_http.middleware.client_addresses import ClientAddresses
from pushpaka_http.middleware.rate_limits import Limits, LocalRateCounters

pytestmark = pytest.mark.anyio

PROXIES = [ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
KEY = "user:jane"


@pytest.fixture
def limits() -> Limits:
    return Limits(
        sign_ins_per_client=8,
        sign_ins_per_account=4,
        requests_per_user=20,
        deployments_per_project=3,
        deployments_per_user=5,
    )


async def sign_in(client: httpx.AsyncClient, email: str = "", **headers: str) -> httpx.Response:
    """Try to sign in with *email*, or with a new email address if *email* is empty."""
    body = {"email": email or f"{uuid4().hex}@example.com", "password": "wrong"}
    return await client.post("/api/v1/auth/login", json=body, headers=headers)


async def test_sign_ins_of_a_client_are_limited_to_ten_a_minute_by_default(
    instance: Instance,
) -> None:
    async with speaking_to(create_app(instance.application)) as client:
        answers = [await sign_in(client) for _ in range(12)]

    assert [401] * 10 + [429] * 2 == statuses_of(*answers)
    assert "too_many_requests" == answers[-1].json()["code"]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


async def test_sign_ins_to_an_account_are_limited(instance: Instance, limits: Limits) -> None:
    """The limit per account counts all clients, so that they cannot guess one password together."""
    app = create_app(instance.application, limits=limits)
    statuses = []

    for n in range(6):
        async with speaking_to(app, f"203.0.113.{n}") as client:
            statuses.append((await sign_in(client, "Ann@example.com")).status_code)

    assert [401] * 4 + [429] * 2 == statuses


async def test_concurrent_sign_ups_of_a_client_are_limited(client: httpx.AsyncClient) -> None:
    statuses = []

    async def register(number: int) -> None:
        body = {"email": f"ann-{number}@example.com", "name": "Ann", "password": PASSWORD}
        statuses.append((await client.post("/api/v1/auth/register", json=body)).status_code)

    async with create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(register, number)

    assert [201] * 8 + [429] * 2 == sorted(statuses)


async def test_a_forged_forwarded_header_does_not_change_the_client(
    client: httpx.AsyncClient,
) -> None:
    answers = [
        await sign_in(client, **{"X-Forwarded-For": f"203.0.113.{number}"}) for number in range(20)
    ]

    assert [401] * 8 + [429] * 12 == statuses_of(*answers)


async def test_clients_behind_a_trusted_proxy_are_counted_separately(
    instance: Instance, limits: Limits
) -> None:
    app = create_app(instance.application, limits=limits, trusted_proxies=PROXIES)

    async with speaking_to(app) as client:
        same = [
            await sign_in(client, **{"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.1"})
            for n in range(9)
        ]
        other = await sign_in(client, **{"X-Forwarded-For": "203.0.113.1, 203.0.113.2"})

    assert (429, 401) == (same[-1].status_code, other.status_code)


def scope_of(peer: str, hops: Sequence[str], router_secret: str | None = None) -> Any:
    headers = [(b"x-forwarded-for", hop.encode()) for hop in hops]
    if router_secret is not None:
        headers.append((b"x-pushpaka-router", router_secret.encode()))
    return {"type": "http", "client": (peer, 50000), "headers": headers}


@pytest.mark.parametrize(
    ("peer", "hops", "network"),
    [
        ("203.0.113.1", [], "203.0.113.1"),
        ("203.0.113.1", ["198.51.100.1"], "203.0.113.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1, 198.51.100.2"], "198.51.100.2"),
        ("127.0.0.1", ["198.51.100.1", "198.51.100.2, 10.0.0.7"], "198.51.100.2"),
        ("::ffff:127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["nonsense"], "unknown"),
        ("127.0.0.1", ["198.51.100.1, "], "unknown"),
        ("127.0.0.1", ["10.0.0.1"], "unknown"),
        ("127.0.0.1", [], "unknown"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", [], "2001:db8:1:2::/64"),
        ("fd00::1", ["2001:db8:1:3::9"], "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.1", [], "203.0.113.1"),
        ("", [], "unknown"),
    ],
)
def test_the_last_untrusted_hop_is_the_client(peer: str, hops: Sequence[str], network: str) -> None:
    """Only trusted proxies are believed. IPv6 clients are counted by their /64 network."""
    assert network == ClientAddresses(PROXIES).network_of(scope_of(peer, hops))


@pytest.mark.parametrize(
    ("secret", "router_secret", "hops", "client"),
    [
        ("secret", "secret", ["198.51.100.1"], "198.51.100.1"),
        ("secret", "secret", ["198.51.100.1, 198.51.100.2"], "198.51.100.2"),
        ("secret", "secret", [], "127.0.0.1"),
        ("secret", "Secret", ["198.51.100.1"], "127.0.0.1"),
        ("secret", "", ["198.51.100.1"], "127.0.0.1"),
        ("", "", ["198.51.100.1"], "127.0.0.1"),
    ],
)
def test_the_router_of_this_instance_is_trusted_by_its_secret(
    secret: str, router_secret: str, hops: list[str], client: str
) -> None:
    """Without the router's secret, other programs on this host cannot forge client addresses."""
    scope = scope_of("127.0.0.1", hops, router_secret)

    assert client == ClientAddresses((), secret).network_of(scope)


async def test_concurrent_requests_of_a_user_are_limited(ann: Person) -> None:
    statuses = []

    async def ask() -> None:
        statuses.append((await ann.get("/auth/me")).status_code)

    async with create_task_group() as tasks:
        for _ in range(22):
            tasks.start_soon(ask)

    assert [200] * 20 + [429] * 2 == sorted(statuses)


async def test_opening_a_log_stream_counts_as_a_request(app: Litestar, ann: Person) -> None:
    deployment = await ann.deployment()
    while 429 != (await ann.get("/auth/me")).status_code:
        pass

    assert 4429 == await close_code(app, log_stream_path(deployment, ann.token))


async def test_concurrent_deployments_of_a_project_are_limited(ann: Person) -> None:
    """Rollbacks count as deployments. Other projects have their own limit."""
    shop, blog = await ann.project("shop"), await ann.project("blog")
    answers: list[httpx.Response] = []

    async def deploy() -> None:
        answers.append(await ann.post("/deployments", {"project_id": shop["id"]}))

    async with create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(deploy)
    deployed = next(answer for answer in answers if answer.status_code == 201)
    rollback = await ann.post(f"/deployments/{deployed.json()['id']}/rollback")
    other = await ann.post("/deployments", {"project_id": blog["id"]})

    assert [201, 201, 201, 429] == sorted(statuses_of(*answers))
    assert ["Retry-After" in answer.headers for answer in answers] == [
        answer.is_error for answer in answers
    ]
    assert (429, 201) == (rollback.status_code, other.status_code)


async def test_deployments_of_a_user_are_limited_over_all_projects(
    instance: Instance, limits: Limits
) -> None:
    limits = evolve(limits, deployments_per_user=2)
    async with speaking_to(create_app(instance.application, limits=limits)) as client:
        ann = await Person.register(client, "ann@example.com")
        projects = [await ann.project(name) for name in ("shop", "blog", "docs")]
        answers = [await ann.post("/deployments", {"project_id": p["id"]}) for p in projects]

    assert [201, 201, 429] == statuses_of(*answers)
    assert 60 < int(answers[-1].headers["Retry-After"]) <= 3600


async def test_requests_for_a_foreign_project_do_not_use_up_its_limit(
    ann: Person, bob: Person
) -> None:
    shop = await ann.project()

    foreign = [await bob.post("/deployments", {"project_id": shop["id"]}) for _ in range(4)]
    own = await ann.post("/deployments", {"project_id": shop["id"]})

    assert [404, 404, 404, 429, 201] == statuses_of(*foreign, own)


async def test_long_polls_count_towards_the_limit_of_streams(instance: Instance) -> None:
    app = create_app(instance.application, limits=Limits(streams_per_user=2))
    statuses: list[int] = []

    async def wait(seconds: int) -> None:
        answer = await ann.get(f"/deployments/{deployment['id']}?wait={seconds}")
        statuses.append(answer.status_code)

    async with speaking_to(app) as client:
        ann = await Person.register(client, "ann@example.com")
        deployment = await ann.deployment()
        async with create_task_group() as waiting:
            for _ in range(3):
                waiting.start_soon(wait, 300)
            while not statuses:
                await anyio.sleep(0.01)
            assert [429] == statuses
            await instance.fail()
        await wait(300)

    assert [429, 200, 200, 200] == statuses


async def test_hits_expire_after_a_minute() -> None:
    """Hits are counted for a minute. Refused ones do not extend the wait."""
    clock = SteppedClock()
    counters = LocalRateCounters(clock.stopwatch)
    assert [None, None] == [await counters.hit(KEY, 2), await counters.hit(KEY, 2)]
    clock.advance(20)
    assert 40 == await counters.hit(KEY, 2)

    clock.advance(40)

    assert [None, None] == [await counters.hit(KEY, 2), await counters.hit(KEY, 2)]
    assert 60 == await counters.hit(KEY, 2)


async def test_counters_can_be_checked_without_counting() -> None:
    clock = SteppedClock()
    counters = LocalRateCounters(clock.stopwatch)
    before = [await counters.is_limit_reached(KEY, 1), await counters.is_limit_reached(KEY, 1)]
    await counters.hit(KEY, 1)
    reached = await counters.is_limit_reached(KEY, 1)
    clock.advance(60)

    assert ([False, False], True, False) == (
        before,
        reached,
        await counters.is_limit_reached(KEY, 1),
    )


async def test_counters_separate_hours_and_keys() -> None:
    clock = SteppedClock()
    counters = LocalRateCounters(clock.stopwatch)
    await counters.hit(KEY, 1, window_seconds=3600)
    clock.advance(3599)

    assert (1, None) == (
        await counters.hit(KEY, 1, window_seconds=3600),
        await counters.hit("other", 1),
    )


async def test_unused_counters_are_removed() -> None:
    """If counters were kept, clients could fill the memory by using new email addresses."""
    clock = SteppedClock()
    counters = LocalRateCounters(clock.stopwatch)
    for number in range(1000):
        await counters.hit(f"account:{number}@example.com", 10)
    clock.advance(60)

    await counters.hit(KEY, 10)

    assert [KEY] == list(counters._expiries)
