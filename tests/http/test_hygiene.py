"""Headers of all responses, and content that no response, log or metric may contain."""

import io
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from tests.http.clients import PASSWORD, Person, speaking_to
from tests.http.instances import Instance
from tests.http.raw import serve
from websockets.asyncio.client import connect

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.server_log import LogFormat, configure_logging
from pushpaka_core.services.logs.log_writer import LogWriter
from pushpaka_http.app import create_app
from pushpaka_http.middleware.rate_limits import Limits
from pushpaka_http.middleware.request_log import SECURITY_HEADERS

pytestmark = pytest.mark.anyio

FORGED = 'Ann\n{"level": "error", "event": "forged"}\r\x1b[31m'


@pytest.fixture(scope="module")
async def answers() -> Sequence[httpx.Response]:
    """Return responses of all kinds and statuses."""
    instance = Instance.empty()
    app = create_app(instance.application, limits=Limits(body_size=1000, sign_ins_per_client=2))
    down = create_app(
        instance.with_failing_projects(StorageUnavailableError("The database does not respond."))
    )
    broken = create_app(instance.with_failing_projects(RuntimeError("broken")))
    async with speaking_to(app) as client, speaking_to(down) as away, speaking_to(broken) as out:
        ann = await Person.register(client, "ann@example.com")
        deployment = await ann.deployment()
        await instance.fail()
        return [
            *[await client.get(path) for path in ("/health", "/ready", "/metrics")],
            await client.get("/api/v1/openapi.json"),
            await ann.get("/projects"),
            await ann.get(f"/logs/{deployment['id']}/sse"),
            await ann.get("/audit"),
            await ann.post("/projects", {"name": "docs", "repo_url": ""}),
            await client.get("/api/v1/projects"),
            await client.get("/nothing"),
            await client.get("/nothing/<script>alert(1)</script>"),
            await client.delete("/health"),
            await ann.post(f"/deployments/{deployment['id']}/restart"),
            await ann.post("/projects", {"name": "x" * 1000}),
            await client.get(f"/{'x' * 9000}"),
            await ann.ask("POST", "/projects", content=b"{}"),
            await client.get(f"/api/v1/logs/{deployment['id']}/stream"),
            await client.get("/health", headers={"X": "y" * 17_000}),
            *[await client.post("/api/v1/auth/login", json={"email": "", "password": ""})] * 2,
            await client.post(
                "/api/v1/auth/login", json={"email": "ann@example.com", "password": PASSWORD}
            ),
            await client.post(
                "/api/v1/auth/login", json={"email": "ann@example.com", "password": PASSWORD}
            ),
            await client.options("/health"),
            await Person(away, ann.token, ann.user).get("/projects"),
            await Person(out, ann.token, ann.user).get("/projects"),
        ]


async def test_every_answer_has_the_security_headers(answers: Sequence[httpx.Response]) -> None:
    carried = [{name: answer.headers.get(name) for name in SECURITY_HEADERS} for answer in answers]
    statuses = {answer.status_code for answer in answers}

    assert all(each == SECURITY_HEADERS for each in carried)
    assert {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
    } == SECURITY_HEADERS
    assert statuses == {
        *(200, 204, 400, 401, 404, 405, 409),
        *(413, 414, 415, 426, 429, 431, 500, 503),
    }


async def test_no_answer_sets_cookies_or_hsts(answers: Sequence[httpx.Response]) -> None:
    """HSTS is up to the router, which terminates TLS. The API needs no cookies."""
    names = {name for answer in answers for name in answer.headers}

    assert names.isdisjoint({"set-cookie", "strict-transport-security", "server"})


async def test_no_answer_is_html(answers: Sequence[httpx.Response]) -> None:
    kinds = {
        answer.headers["Content-Type"].partition(";")[0] for answer in answers if answer.content
    }

    assert {
        *("application/json", "text/plain", "text/event-stream", "application/vnd.oai.openapi+json")
    } >= kinds


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("a\x1b]0;title\x07b\x1b[2Jc\x1b[1A", "a]0;titlebc"),
        ("\x1b[1;31mred\x1b[0m\ttab", "\x1b[1;31mred\x1b[0m\ttab"),
        ("a\x85b\x9b31mc\x00d\x7f", "ab31mcd"),
        ("</script><img src=x onerror=alert(1)>", "</script><img src=x onerror=alert(1)>"),
        ("a\u2028b\u202ec", "a\u2028b\u202ec"),
        ("event: end\x00", "event: end"),
    ],
)
async def test_log_lines_keep_colors_and_lose_other_control_characters(
    ann: Person, instance: Instance, message: str, kept: str
) -> None:
    deployment = await ann.deployment()
    services = instance.services
    writing = LogWriter(services.storage, services.events, services.clock)
    async with writing.open(DeploymentId(UUID(deployment["id"])), Redactor()) as log:
        await log.write(message, Phase.BUILD)
    await instance.fail()

    listed = await ann.get(f"/logs/{deployment['id']}")
    streamed = await ann.get(f"/logs/{deployment['id']}/sse")

    (data, *_) = [line[6:] for line in streamed.text.split("\n") if line.startswith("data: ")]
    assert kept == listed.json()["data"][0]["message"] == json.loads(data)["message"]
    assert "application/json" == listed.headers["Content-Type"].partition(";")[0]
    assert "nosniff" == listed.headers["X-Content-Type-Options"]


@pytest.mark.parametrize("log_format", list(LogFormat))
async def test_a_request_is_one_line_of_the_server_log(
    client: httpx.AsyncClient, server_log: io.StringIO, log_format: LogFormat
) -> None:
    """Line breaks and control characters in fields, paths and headers cannot forge log lines."""
    configure_logging(log_format, output=server_log)
    body = {"email": FORGED, "name": FORGED, "password": PASSWORD}

    answers = [
        await client.post("/api/v1/auth/register", json=body),
        await client.post("/api/v1/auth/login", json=body),
        await client.get("/nothing/%0A%7B%22level%22%3A%22error%22%7D%0D%1B[31m%E2%80%A8"),
        await client.get("/health", headers={"X-Request-ID": "a b", "X-Forwarded-For": "a\tb"}),
    ]

    lines = server_log.getvalue().split("\n")
    assert [400, 400, 404, 200] == [answer.status_code for answer in answers]
    assert (4, "") == (len(lines) - 1, lines[-1])
    assert all(line.isprintable() for line in lines)
    assert all("forged" not in line for line in lines)


async def test_a_token_in_a_url_appears_in_no_log_metric_or_response(
    app: Litestar, instance: Instance, server_log: io.StringIO
) -> None:
    configure_logging(LogFormat.JSON, output=server_log, level=logging.INFO)
    async with serve(app) as port:
        address = f"127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=f"http://{address}") as client:
            ann = await Person.register(client, "ann@example.com")
            deployment = await ann.deployment()
            query = f"token={ann.token}"
            await instance.fail()
            for path in (f"/api/v1/logs/{deployment['id']}/stream", "/nothing"):
                async with _watching(f"ws://{address}{path}?{query}"):
                    pass
            answers = [
                await client.get(f"/api/v1/projects?{query}"),
                await client.get(f"/health?{query}"),
                await client.get(f"/nothing?{query}"),
            ]
            metrics = (await client.get("/metrics")).text

    assert [401, 200, 404] == [answer.status_code for answer in answers]
    assert 'route="/api/v1/logs/{deployment_id}/stream",status="1000"' in metrics
    for text in (server_log.getvalue(), metrics, *(answer.text for answer in answers)):
        assert ann.token not in text
        assert "token=" not in text


@asynccontextmanager
async def _watching(url: str) -> AsyncIterator[Any]:
    """Yield a WebSocket that the server has closed, or the error with which it was refused."""
    try:
        async with connect(url) as socket:
            async for _ in socket:
                pass
            yield socket
    except Exception as refusal:  # noqa: BLE001  # a refusal is one of the outcomes
        yield refusal
