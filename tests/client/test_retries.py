"""Tests which failed requests are retried, when, and for how long."""

from collections.abc import Sequence
from contextlib import nullcontext

import httpx
import pytest
from tests.client.proxy import Proxy
from tests.client.samples import DEPLOYMENT, USER
from tests.http.clients import Person
from tests.http.instances import Instance
from tests.served_instance import free_port
from tests.service_fixtures import SteppedClock

from pushpaka_http.client import (
    AsyncClient,
    RetryPolicy,
    ServerError,
    TooManyRequestsError,
    UnreachableError,
)
from pushpaka_http.client.calls import Call
from pushpaka_http.client.retries import RetryState

pytestmark = pytest.mark.anyio

REFUSED = httpx.ConnectError("Connection refused")
LOST = httpx.ReadError("Connection reset by peer")


def busy_response(status: int, retry_after: str) -> httpx.Response:
    """Return a response with which an instance rejects a request for now."""
    body = {"error": "Not now.", "code": "unavailable", "request_id": "r-1"}
    return httpx.Response(status, json=body, headers={"Retry-After": retry_after})


def proxy_error(status: int) -> httpx.Response:
    """Return the error page of a proxy."""
    return httpx.Response(status, html="<html>Bad Gateway</html>")


ANSWERS = {"read": USER, "deploy": DEPLOYMENT, "write": {"token": "t", "user": USER}}


async def ask(client: AsyncClient, kind: str) -> None:
    """Send a request that is idempotent, has an idempotency key, or neither."""
    match kind:
        case "read":
            await client.auth.me()
        case "deploy":
            await client.deployments.create(project_id=USER["id"])
        case "write":
            await client.auth.register(email="a@example.com", name="Ann", password="-")


@pytest.mark.parametrize(
    ("kind", "failures", "retry_count", "error"),
    [
        ("read", [LOST, LOST], 2, None),
        ("read", [REFUSED], 1, None),
        ("read", [busy_response(429, "60"), busy_response(503, "5")], 2, None),
        ("read", [proxy_error(502), proxy_error(503), proxy_error(504)], 3, None),
        ("deploy", [LOST, LOST], 2, None),
        ("write", [REFUSED, REFUSED], 2, None),
        ("write", [busy_response(429, "0")], 1, None),
        ("write", [LOST], 0, UnreachableError),
        ("write", [busy_response(503, "0")], 0, ServerError),
        ("read", [busy_response(429, "600")], 0, TooManyRequestsError),
    ],
)
async def test_request_is_retried_if_it_is_safe(
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    failures: Sequence[httpx.Response | httpx.TransportError],
    retry_count: int,
    error: type[Exception] | None,
) -> None:
    """A write is only retried if the first request had no effect. Retry-After sets the delay."""
    sent: list[httpx.Request] = []
    pauses: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        if len(sent) > len(failures):
            return httpx.Response(200, json=ANSWERS[kind])
        failure = failures[len(sent) - 1]
        if isinstance(failure, httpx.TransportError):
            raise failure
        return failure

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("pushpaka_http.client.asynchronous.connection.sleep", pause)
    transport, retries = httpx.MockTransport(answer), RetryPolicy(total_seconds=600)
    async with AsyncClient("http://localhost", transport=transport, retry_policy=retries) as client:
        with nullcontext() if error is None else pytest.raises(error):
            await ask(client, kind)

    wanted = [_retry_after(failure) for failure in failures][:retry_count]
    assert retry_count == len(sent) - 1
    assert [True] * retry_count == [
        pause == seconds if seconds is not None else 0 < pause <= 8
        for pause, seconds in zip(pauses, wanted, strict=True)
    ]
    assert 1 == len({request.headers.get("Idempotency-Key") for request in sent})


def _retry_after(failure: httpx.Response | httpx.TransportError) -> float | None:
    if isinstance(failure, httpx.TransportError) or "Retry-After" not in failure.headers:
        return None
    return float(failure.headers["Retry-After"])


def test_delays_double_until_the_time_limit() -> None:
    """No delay exceeds the configured maximum."""
    clock = SteppedClock()
    call = Call(method="GET", path="/projects")
    retry_policy = RetryPolicy(total_seconds=30, initial_delay=1, max_delay=4)
    retry_state = RetryState(call, retry_policy, clock.stopwatch)
    pauses: list[float] = []

    while (pause := retry_state.after_response(httpx.Response(502))) is not None:
        pauses.append(pause)
        clock.advance(pause)

    assert 26 < sum(pauses) < 30
    assert [True] * len(pauses) == [
        longest / 2 <= pause <= longest
        for pause, longest in zip(pauses, [1, 2, *[4] * len(pauses)], strict=False)
    ]


async def test_a_lost_response_causes_no_second_deployment(
    client: AsyncClient, proxy: Proxy, ann: Person
) -> None:
    """The API recognizes the idempotency key of the repeated request."""
    project = await ann.project()
    proxy.lost_answers = 2

    deployment = await client.deployments.create(project_id=project["id"])

    assert [deployment] == [one async for one in client.deployments.all()]


async def test_an_address_without_a_server_is_reported() -> None:
    """The error explains what to do."""
    address = f"http://127.0.0.1:{free_port()}/api/v1"
    async with AsyncClient(address, retry_policy=RetryPolicy(total_seconds=0)) as client:
        with pytest.raises(UnreachableError, match=r"connection was refused.*try again") as caught:
            await client.auth.me()

    assert address in str(caught.value)


async def test_the_health_check_reports_an_outage_at_once(
    client: AsyncClient, instance: Instance
) -> None:
    """The request is not retried."""
    instance.components.is_database_up = False

    health = await client.health.check()

    assert "degraded" == health.status
    assert health.checks["database"] is False
