"""What comes before any route: bodies, sizes, ids of requests and what every answer carries."""

import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import anyio
import httpx
import pytest
from litestar.types import (
    HTTPDisconnectEvent,
    HTTPReceiveMessage,
    HTTPRequestEvent,
    Receive,
    Scope,
    Send,
)
from tests.http.clients import Person, speaking_to
from tests.http.instances import Instance

from pushpaka_core.errors import (
    ConflictError,
    InvalidTransitionError,
    LeaseLostError,
    NotAllowedError,
    QuotaReachedError,
    StaleEntityError,
    StorageUnavailableError,
    TooManyRequestsError,
)
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
SECRET = "postgresql://admin:hunter2@db/pushpaka"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b"[1, 2",
        b"\xff\xfe{}",
        b'{"name": "\xc3\x28"}',
        b'{"name": "\\ud800", "repo_url": "x"}',
        b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b'{"port": 1' + b"0" * 400 + b', "name": "x", "repo_url": "https://git.example.com/x"}',
        b'{"port": 1e400}',
        b'{"port": NaN}',
    ],
)
async def test_what_is_no_sane_object_is_a_bad_request(ann: Person, body: bytes) -> None:
    """Whatever bytes come, the answer names what is wrong with them."""
    answer = await ann.ask("POST", "/projects", content=body, headers=JSON)

    assert 400 == answer.status_code
    assert answer.json()["details"]


async def test_of_a_key_given_twice_the_last_counts(ann: Person) -> None:
    """What many writers of JSON do is no error."""
    body = b'{"name": "a", "name": "b", "repo_url": "https://git.example.com/x"}'

    answer = await ann.ask("POST", "/projects", content=body, headers=JSON)

    assert (201, "b") == (answer.status_code, answer.json()["name"])


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
async def test_a_body_has_to_be_called_json(ann: Person, content_type: str) -> None:
    """A form of another page cannot pass for a request of the API."""
    headers = {"Content-Type": content_type}

    answer = await ann.ask("POST", "/projects", content=b'{"name": "a"}', headers=headers)

    assert (415, "unsupported_media_type") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_the_name_of_json_may_be_written_in_any_way(ann: Person, content_type: str) -> None:
    """Parameters and case do not matter."""
    body = b'{"name": "a", "repo_url": "https://git.example.com/x"}'

    answer = await ann.ask(
        "POST", "/projects", content=body, headers={"Content-Type": content_type}
    )

    assert 201 == answer.status_code


async def test_who_sends_too_much_is_hung_up_on(ann: Person) -> None:
    """The rest of it is not waited for."""
    answer = await ann.ask("POST", "/projects", content=b" " * 1024 * 1025, headers=JSON)

    assert (413, "too_large") == (answer.status_code, answer.json()["code"])
    assert "close" == answer.headers["Connection"]


async def test_a_body_that_trickles_is_cut_off(ann: Person) -> None:
    """Who holds a body back holds no place for long."""

    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        await anyio.sleep_forever()

    with anyio.fail_after(5):
        answer = await ann.ask("POST", "/projects", content=trickle(), headers=JSON)

    assert (408, "too_slow") == (answer.status_code, answer.json()["code"])
    assert "close" == answer.headers["Connection"]


async def test_who_leaves_in_the_midst_of_a_body_is_no_fault_of_ours(
    instance: Instance, ann: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody hears the answer; the log tells of no error, and the metrics of none on our side."""
    app = create_app(instance.application)

    async def cut_short(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        events: list[HTTPReceiveMessage] = [
            HTTPRequestEvent(type="http.request", body=b"{", more_body=True),
            HTTPDisconnectEvent(type="http.disconnect"),
        ]
        messages = iter(events)

        async def receive_part() -> HTTPReceiveMessage:
            return next(messages)

        await app(scope, receive_part, send)

    async with speaking_to(cut_short) as client:
        answer = await Person(client, ann.token, ann.user).post("/projects", {"name": "shop"})

    assert 400 == answer.status_code
    assert [] == [record.message for record in caplog.records if record.levelno > logging.INFO]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v1/projects?x=" + "y" * 9000, {}, 414),
        ("/api/v1/" + "y" * 9000, {}, 414),
        ("/api/v1/projects", {"X-Large": "y" * 17_000}, 431),
        ("/api/v1/projects", {f"X-{n}": "y" for n in range(1000)}, 431),
    ],
)
async def test_too_long_addresses_and_headers_are_turned_away(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], status: int
) -> None:
    """Nothing honest is that long."""
    answer = await client.get(path, headers=headers)

    assert status == answer.status_code
    assert ["error", "code", "request_id"] == list(answer.json())
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api", 404, "not_found"),
        ("GET", "/api/v1", 404, "not_found"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/internal/tasks/1/complete", 404, "not_found"),
        ("DELETE", "/health", 405, "method_not_allowed"),
        ("TRACE", "/health", 405, "method_not_allowed"),
    ],
)
async def test_where_nothing_is_the_answer_has_the_usual_shape(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    """Every error is an object with a sentence, a word and the request's id."""
    answer = await client.request(method, path)

    assert (status, code) == (answer.status_code, answer.json()["code"])
    assert ["error", "code", "request_id"] == list(answer.json())
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]


@pytest.mark.parametrize("path", ["/health", "/api/v1/projects", "/metrics"])
async def test_head_is_get_without_a_body(ann: Person, path: str) -> None:
    """Whoever only wants to know whether it is there gets the same head."""
    headers = {"Authorization": f"Bearer {ann.token}"}

    got = await ann.client.get(path, headers=headers)
    head = await ann.client.head(path, headers=headers)

    assert (200, b"") == (head.status_code, head.content)
    assert got.headers["Content-Type"] == head.headers["Content-Type"]


async def test_head_of_a_stream_ends(ann: Person) -> None:
    """Nobody waits for lines that will not be sent."""
    deployment = await ann.deployment()

    with anyio.fail_after(5):
        answer = await ann.ask("HEAD", f"/logs/{deployment['id']}/sse")

    assert (200, b"") == (answer.status_code, answer.content)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/projects", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/env", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("/api/v1/auth/login", "OPTIONS, POST"),
        ("/health", "GET, HEAD, OPTIONS"),
    ],
)
async def test_all_methods_of_an_address_are_named(
    client: httpx.AsyncClient, path: str, allowed: str
) -> None:
    """OPTIONS tells them, and so does the answer to a method that is none of them."""
    options = await client.options(f"{path}?x=y")
    wrong = await client.request("TRACE", path)

    assert (204, 405) == (options.status_code, wrong.status_code)
    assert allowed == options.headers["Allow"] == wrong.headers["Allow"]


async def test_a_number_beyond_all_bounds_is_told_by_its_field(ann: Person) -> None:
    """It is JSON, and wrong where it stands."""
    body = (
        b'{"name": "a", "repo_url": "https://git.example.com/x", "cpu_limit": 1e400, "port": 1e400}'
    )

    answer = await ann.ask("POST", "/projects", content=body, headers=JSON)

    assert 400 == answer.status_code
    assert {"cpu_limit", "port"} == {problem["field"] for problem in answer.json()["details"]}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotAllowedError("No."), 403, "not_allowed"),
        (ConflictError("No."), 409, "conflict"),
        (StaleEntityError("project"), 409, "conflict"),
        (QuotaReachedError(3, "projects", "Delete one"), 409, "quota_reached"),
        (InvalidTransitionError("failed", "running"), 409, "conflict"),
        (TooManyRequestsError(7), 429, "too_many_requests"),
        (StorageUnavailableError("The database does not answer."), 503, "unavailable"),
        (LeaseLostError(SECRET), 500, "internal"),
        (RuntimeError(SECRET), 500, "internal"),
    ],
)
async def test_errors_have_a_status_by_what_the_caller_can_do(
    instance: Instance, ann: Person, error: Exception, status: int, code: str
) -> None:
    """The table of errors holds for what derives from them; the rest is our fault."""
    async with speaking_to(create_app(instance.broken(error))) as client:
        answer = await Person(client, ann.token, ann.user).get("/projects")

    assert (status, code) == (answer.status_code, answer.json()["code"])
    assert ["error", "code", "request_id"] == list(answer.json())
    expected = {429: "7", 503: "5"}.get(status)
    assert expected == answer.headers.get("Retry-After")


@pytest.mark.parametrize("is_early", [True, False])
async def test_our_faults_tell_nothing_but_where_to_look(
    instance: Instance, ann: Person, caplog: pytest.LogCaptureFixture, is_early: bool
) -> None:
    """The cause is in the log, and nowhere in the answer."""
    cause = RuntimeError(SECRET)
    broken = instance.without_accounts(cause) if is_early else instance.broken(cause)

    async with speaking_to(create_app(broken)) as client:
        answer = await Person(client, ann.token, ann.user).get("/projects")

    assert HTTPStatus.INTERNAL_SERVER_ERROR == answer.status_code
    assert "hunter2" not in answer.text + str(answer.headers)
    assert "Traceback" not in answer.text
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.exc_info
    assert cause is record.exc_info[1]


@pytest.mark.parametrize("given", ["abc-DEF_123", "x" * 64])
async def test_a_sane_request_id_is_kept(client: httpx.AsyncClient, given: str) -> None:
    """A client's own id leads through all logs."""
    answer = await client.get("/api/v1/projects", headers={"X-Request-ID": given})

    assert given == answer.headers["X-Request-ID"] == answer.json()["request_id"]


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a;b", '"}', "é"])
async def test_any_other_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    """What comes along is text of a stranger, and goes into logs."""
    answer = await client.get("/health", headers=[(b"X-Request-ID", given.encode())])

    assert 32 == len(answer.headers["X-Request-ID"])


async def test_one_record_tells_of_each_request(
    ann: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """The access log names the route and never the query, where a token may be."""
    caplog.set_level(logging.INFO, "pushpaka.access")

    answer = await ann.client.get(f"/api/v1/projects?token={ann.token}")

    (record,) = [each for each in caplog.records if each.name == "pushpaka.access"]
    told: dict[str, Any] = vars(record)
    assert ("GET", "/api/v1/projects", "/api/v1/projects", answer.status_code, "127.0.0.1") == (
        told["method"],
        told["path"],
        told["route"],
        told["status"],
        told["client"],
    )
    assert ann.token not in str(told)


async def test_it_works_below_another_application(instance: Instance) -> None:
    """The API may be mounted in an ASGI application at a path of its choice."""
    app: Any = create_app(instance.application)

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": "/deploy"}, receive, send)

    async with speaking_to(outer) as client:
        health = await client.get("/deploy/api/v1/health")
        nothing = await client.get("/deploy/api/v1/nothing")

    assert (200, 404) == (health.status_code, nothing.status_code)
