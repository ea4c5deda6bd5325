"""Bodies, methods, request ids, errors and the access log."""

import logging
from collections.abc import AsyncIterator
from typing import Any, cast

import anyio
import httpx
import pytest
from attrs import evolve
from litestar.types import (
    HTTPDisconnectEvent,
    HTTPReceiveMessage,
    HTTPRequestEvent,
    Receive,
    Scope,
    Send,
)
from tests.http.clients import (
    REPO,
    Person,
    case_id,
    refused_fields,
    register_user,
    speaking_to,
    statuses_of,
)
from tests.http.instances import FailingService, Instance

from pushpaka_core.errors import (
    ConflictError,
    DuplicateError,
    InvalidTransitionError,
    LeaseLostError,
    NotAllowedError,
    QuotaReachedError,
    StaleEntityError,
    StorageUnavailableError,
    TooManyRequestsError,
)
from pushpaka_core.services.projects.projects import ProjectService
from pushpaka_http.app import create_app
from pushpaka_http.middleware.rate_limits import Limits

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
SECRET = "postgresql://admin:hunter2@db/pushpaka"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        *(
            (body, None)
            for body in (
                *(b"", b"{", b"nonsense", b"[]", b"null", b'"text"', b"1", b"[1, 2"),
                *(b"\xff\xfe{}", b'{"name": "\xc3\x28"}', b'{"port": NaN}'),
                b'{"name": "\\ud800", "repo_url": "x"}',
                b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}",
                b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
                b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
            )
        ),
        (b'{"port": 1%s, "name": "x", "repo_url": "%s"}' % (b"0" * 400, REPO.encode()), {"port"}),
        (
            b'{"name": "a", "repo_url": "%s", "cpu_limit": 1e400, "port": 1e400}' % REPO.encode(),
            {"cpu_limit", "port"},
        ),
    ],
    ids=case_id,
)
async def test_malformed_bodies_are_refused(
    ann: Person, body: bytes, fields: set[str] | None
) -> None:
    answer = await ann.ask("POST", "/projects", content=body, headers=JSON)

    assert refused_fields(answer) == fields or (fields is None and answer.json()["details"])


async def test_the_last_of_duplicate_keys_counts(ann: Person) -> None:
    body = b'{"name": "a", "name": "b", "repo_url": "https://git.example.com/x"}'

    answer = await ann.ask("POST", "/projects", content=body, headers=JSON)

    assert (201, "b") == (answer.status_code, answer.json()["name"])


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain", 415),
        ("", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/json; charset=utf-8", 201),
        ("Application/JSON", 201),
    ],
)
async def test_the_content_type_has_to_be_json(ann: Person, content_type: str, status: int) -> None:
    """Forms on other sites cannot send requests, because forms cannot send JSON."""
    body = b'{"name": "a", "repo_url": "https://git.example.com/x"}'
    headers = {"Content-Type": content_type}

    answer = await ann.ask("POST", "/projects", content=body, headers=headers)

    assert status == answer.status_code
    assert status == 201 or answer.json()["code"] == "unsupported_media_type"


async def test_a_stalled_body_is_cut_off(instance: Instance) -> None:
    ann = await register_user(create_app(instance.application, limits=Limits(body_seconds=0.2)))

    async def stalled_body() -> AsyncIterator[bytes]:
        yield b"{"
        await anyio.sleep_forever()

    answer = await ann.ask("POST", "/projects", content=stalled_body(), headers=JSON)

    assert (408, "too_slow") == (answer.status_code, answer.json()["code"])
    assert "close" == answer.headers["Connection"]


async def test_a_client_that_disconnects_during_a_body_is_not_logged_as_an_error(
    instance: Instance, ann: Person, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(instance.application)

    async def disconnect_during_body(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        events: list[HTTPReceiveMessage] = [
            HTTPRequestEvent(type="http.request", body=b"{", more_body=True),
            HTTPDisconnectEvent(type="http.disconnect"),
        ]
        messages = iter(events)

        async def receive_part() -> HTTPReceiveMessage:
            return next(messages)

        await app(scope, receive_part, send)

    async with speaking_to(disconnect_during_body) as client:
        answer = await Person(client, ann.token, ann.user).post("/projects", {"name": "shop"})

    assert 400 == answer.status_code
    assert [] == [record.message for record in caplog.records if record.levelno > logging.INFO]


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
async def test_unknown_paths_and_methods_have_the_usual_error(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)

    assert (status, code) == (answer.status_code, answer.json()["code"])
    assert ["error", "code", "request_id"] == list(answer.json())
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]


async def test_head_has_the_headers_of_get(ann: Person) -> None:
    """HEAD responses have no body, and those for streams end at once."""
    deployment = await ann.deployment()

    for path in ("/health", "/projects", "/metrics"):
        got, head = await ann.get(path), await ann.ask("HEAD", path)
        assert (200, b"") == (head.status_code, head.content)
        assert got.headers["Content-Type"] == head.headers["Content-Type"]
    stream = await ann.ask("HEAD", f"/logs/{deployment['id']}/sse")
    assert (200, b"") == (stream.status_code, stream.content)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/projects", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/env", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("/api/v1/auth/login", "OPTIONS, POST"),
        ("/health", "GET, HEAD, OPTIONS"),
    ],
)
async def test_the_methods_of_a_path_are_listed(
    client: httpx.AsyncClient, path: str, allowed: str
) -> None:
    options = await client.options(f"{path}?x=y")
    wrong = await client.request("TRACE", path)

    assert [204, 405] == statuses_of(options, wrong)
    assert allowed == options.headers["Allow"] == wrong.headers["Allow"]


@pytest.fixture(scope="module")
def failing_projects() -> FailingService:
    return FailingService(RuntimeError())


@pytest.fixture(scope="module")
async def bob(failing_projects: FailingService) -> Person:
    """Return a user of an instance whose project service fails."""
    application = evolve(
        Instance.empty().application, projects=cast("ProjectService", failing_projects)
    )
    return await register_user(create_app(application))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotAllowedError("No."), 403, "not_allowed"),
        (ConflictError("No."), 409, "conflict"),
        (DuplicateError("email address"), 409, "duplicate"),
        (StaleEntityError("project"), 409, "conflict"),
        (QuotaReachedError(3, "projects", "Delete one"), 409, "quota_reached"),
        (InvalidTransitionError("failed", "running"), 409, "conflict"),
        (TooManyRequestsError(7), 429, "too_many_requests"),
        (StorageUnavailableError("The database does not respond."), 503, "unavailable"),
        (LeaseLostError(SECRET), 500, "internal"),
        (RuntimeError(SECRET), 500, "internal"),
    ],
)
async def test_errors_have_a_status(
    failing_projects: FailingService, bob: Person, error: Exception, status: int, code: str
) -> None:
    failing_projects.error = error

    answer = await bob.get("/projects")

    assert (status, code) == (answer.status_code, answer.json()["code"])
    assert ["error", "code", "request_id"] == list(answer.json())
    assert {429: "7", 503: "5"}.get(status) == answer.headers.get("Retry-After")


@pytest.mark.parametrize("is_early", [True, False])
async def test_the_cause_of_an_internal_error_is_only_logged(
    instance: Instance, ann: Person, caplog: pytest.LogCaptureFixture, is_early: bool
) -> None:
    cause = RuntimeError(SECRET)
    application = (
        instance.with_failing_accounts(cause) if is_early else instance.with_failing_projects(cause)
    )

    async with speaking_to(create_app(application)) as client:
        answer = await Person(client, ann.token, ann.user).get("/projects")

    assert 500 == answer.status_code
    assert "hunter2" not in answer.text + str(answer.headers)
    assert "Traceback" not in answer.text
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.exc_info
    assert cause is record.exc_info[1]


@pytest.mark.parametrize(
    ("request_id", "is_kept"),
    [
        *((request_id, True) for request_id in ("abc-DEF_123", "x" * 64)),
        *((request_id, False) for request_id in ("", "x" * 65, "a b", "a;b", '"}', "é")),
    ],
)
async def test_a_safe_request_id_is_kept(
    client: httpx.AsyncClient, request_id: str, is_kept: bool
) -> None:
    """Unsafe ids are replaced, because the id appears in logs."""
    answer = await client.get("/api/v1/projects", headers=[(b"X-Request-ID", request_id.encode())])

    id_ = answer.headers["X-Request-ID"]
    assert id_ == answer.json()["request_id"]
    assert id_ == request_id if is_kept else len(id_) == 32


async def test_the_access_log_has_one_record_for_each_request_and_no_query(
    ann: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pushpaka.access")

    answer = await ann.client.get(f"/api/v1/projects?token={ann.token}")

    (record,) = [each for each in caplog.records if each.name == "pushpaka.access"]
    logged: dict[str, Any] = vars(record)
    assert ("GET", "/api/v1/projects", "/api/v1/projects", answer.status_code, "127.0.0.1") == (
        logged["method"],
        logged["path"],
        logged["route"],
        logged["status"],
        logged["client"],
    )
    assert ann.token not in str(logged)


async def test_the_api_can_be_mounted_in_another_application(instance: Instance) -> None:
    app: Any = create_app(instance.application)

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": "/deploy"}, receive, send)

    async with speaking_to(outer) as client:
        health = await client.get("/deploy/api/v1/health")
        nothing = await client.get("/deploy/api/v1/nothing")

    assert [200, 404] == statuses_of(health, nothing)
