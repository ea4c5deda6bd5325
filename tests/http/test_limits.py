"""How often somebody may ask, and who counts as one."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.http.clients import PASSWORD, Person, connected, speaking_to
from tests.http.instances import Instance

from pushpaka_http.app import create_app
from pushpaka_http.client_addresses import ClientAddresses
from pushpaka_http.rate_limits import Limits

pytestmark = pytest.mark.anyio

PROXIES = [ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.fixture
def limits() -> Limits:
    return Limits(
        sign_ins_per_client=8,
        sign_ins_per_account=4,
        requests_per_user=20,
        deployments_per_project=3,
    )


async def sign_in(client: httpx.AsyncClient, email: str = "", **headers: str) -> httpx.Response:
    """Try to sign in, to another account each time where none is named."""
    body = {"email": email or f"{uuid4().hex}@example.com", "password": "wrong"}
    return await client.post("/api/v1/auth/login", json=body, headers=headers)


async def test_a_client_may_try_only_so_often(client: httpx.AsyncClient) -> None:
    """Over the limit the answer tells when to come back."""
    answers = [await sign_in(client) for _ in range(9)]

    last = answers[-1]
    assert [401] * 8 == [answer.status_code for answer in answers[:-1]]
    assert (429, "too_many_requests") == (last.status_code, last.json()["code"])
    assert 1 <= int(last.headers["Retry-After"]) <= 60


async def test_by_default_the_eleventh_try_of_a_minute_is_refused(instance: Instance) -> None:
    """Ten tries pass, however they fall into minutes, and not one more."""
    async with speaking_to(create_app(instance.application)) as client:
        statuses = [(await sign_in(client)).status_code for _ in range(12)]

    assert [401] * 10 + [429] * 2 == statuses


async def test_an_account_is_tried_only_so_often(instance: Instance, limits: Limits) -> None:
    """Many clients together may not guess at one account either."""
    app = create_app(instance.application, limits=limits)
    statuses = []

    for n in range(12):
        async with speaking_to(app, f"203.0.113.{n}") as client:
            statuses.append((await sign_in(client, "Ann@example.com")).status_code)

    assert [401] * 4 + [429] * 8 == statuses


async def test_others_may_try_meanwhile(instance: Instance, limits: Limits) -> None:
    """A client that is held off holds nobody else off."""
    app = create_app(instance.application, limits=limits)
    async with speaking_to(app, "203.0.113.1") as client:
        answers = [await sign_in(client) for _ in range(17)]

    async with speaking_to(app, "203.0.113.2") as client:
        other = await sign_in(client)

    assert (429, 401) == (answers[-1].status_code, other.status_code)


async def test_registering_is_a_try_as_well(client: httpx.AsyncClient) -> None:
    """Accounts cannot be made by the thousand."""
    statuses = [
        (
            await client.post(
                "/api/v1/auth/register",
                json={"email": f"ann-{n}@example.com", "name": "Ann", "password": PASSWORD},
            )
        ).status_code
        for n in range(17)
    ]

    assert [201] * 8 + [429] * 9 == statuses


async def test_a_forged_header_makes_nobody_another(client: httpx.AsyncClient) -> None:
    """X-Forwarded-For of who is no listed proxy is not believed."""
    statuses = [
        (await sign_in(client, **{"X-Forwarded-For": f"203.0.{n // 250}.{n % 250}"})).status_code
        for n in range(1000)
    ]

    assert [401] * 8 + [429] * 992 == statuses


async def test_behind_a_proxy_each_client_counts_for_itself(
    instance: Instance, limits: Limits
) -> None:
    """A listed proxy is believed about the hop before it, whatever stands before that."""
    app = create_app(instance.application, limits=limits, trusted_proxies=PROXIES)

    async with speaking_to(app) as client:
        same = [
            await sign_in(client, **{"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.1"})
            for n in range(17)
        ]
        other = await sign_in(client, **{"X-Forwarded-For": "203.0.113.1, 203.0.113.2"})

    assert 429 == same[-1].status_code
    assert 401 == other.status_code


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
def test_the_right_most_untrusted_hop_is_the_client(
    peer: str, hops: Sequence[str], network: str
) -> None:
    """An IPv6 client is its /64, and a proxy is nobody's client."""
    scope: Any = {
        "type": "http",
        "client": (peer, 50000),
        "headers": [(b"x-forwarded-for", hop.encode()) for hop in hops],
    }

    assert network == ClientAddresses(PROXIES).network_of(scope)


async def test_a_user_may_ask_only_so_often(ann: Person) -> None:
    """The limit is the user's, whichever route they ask."""
    statuses = [(await ann.get("/auth/me")).status_code for _ in range(22)]

    assert [200] * 20 + [429] * 2 == statuses


async def test_a_project_is_deployed_only_so_often_by_hand(ann: Person) -> None:
    """Rollbacks count as deployments do; other projects have their own limit."""
    shop, blog = await ann.project("shop"), await ann.project("blog")

    answers = [await ann.post("/deployments", {"project_id": shop["id"]}) for _ in range(4)]
    rollback = await ann.post(f"/deployments/{answers[0].json()['id']}/rollback")
    other = await ann.post("/deployments", {"project_id": blog["id"]})

    assert [201, 201, 201, 429] == [answer.status_code for answer in answers]
    assert 429 == rollback.status_code
    assert 201 == other.status_code


async def test_nobody_uses_up_what_others_may(ann: Person, bob: Person) -> None:
    """Who asks for a project of somebody else's counts for themselves."""
    shop = await ann.project()

    strange = [await bob.post("/deployments", {"project_id": shop["id"]}) for _ in range(4)]
    own = await ann.post("/deployments", {"project_id": shop["id"]})

    assert [404, 404, 404, 429] == [answer.status_code for answer in strange]
    assert 201 == own.status_code


async def test_watching_counts_as_asking(instance: Instance, limits: Limits) -> None:
    """WebSockets are no way around the limit of requests."""
    app = create_app(instance.application, limits=limits)
    async with speaking_to(app) as client:
        ann = await Person.registered(client, "ann@example.com")
        deployment = await ann.deployment()
        while 429 != (await ann.get("/auth/me")).status_code:
            pass

    async with connected(app, f"/api/v1/logs/{deployment['id']}/stream?token={ann.token}") as page:
        code = await page.code()

    assert 4429 == code


async def test_event_streams_take_places_too(instance: Instance) -> None:
    """Who has no place left is told so in the usual way."""
    app = create_app(instance.application, limits=Limits(watchers_per_user=0))
    async with speaking_to(app) as client:
        ann = await Person.registered(client, "ann@example.com")
        deployment = await ann.deployment()

        answer = await ann.get(f"/logs/{deployment['id']}/sse")

    assert (429, "60") == (answer.status_code, answer.headers["Retry-After"])
    assert ["error", "code", "request_id"] == list(answer.json())
