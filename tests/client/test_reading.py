"""Tests how responses are decoded, and how addresses and tokens are validated."""

import json
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime
from functools import partial
from typing import Any, Self
from uuid import UUID

import httpx
import pytest
from tests.client.samples import DEPLOYMENT, USER

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.errors import InvalidInputError, PushpakaError
from pushpaka_http.client import (
    ApiError,
    BadRequestError,
    Client,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RetryPolicy,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnexpectedResponseError,
)
from pushpaka_http.client.calls import call
from pushpaka_http.client.deserialization import from_response
from pushpaka_http.client.responses import retry_after_seconds
from pushpaka_http.client.synchronous.connection import Connection
from pushpaka_http.client.urls import api_url
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.users import UserResponse

SECRET = "ppk_0123456789abcdef"
EVENTS = 'id: 1\nevent: log\ndata: "é\u2028"\n\n:\n\nid: 2\r\ndata: a\r\ndata: b\r\n\r\nid: 3\n\n'
END = b"event: end\ndata: {}\n\n"


def responding_client(
    status: int, content: str, content_type: str = "application/json", **headers: str
) -> Client:
    """Return a client of a server that sends the same response to every request."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            status, text=content, headers={"Content-Type": content_type, **headers}
        )

    return Client(
        "https://deploy.example.com",
        token=SECRET,
        transport=httpx.MockTransport(answer),
        retry_policy=RetryPolicy(total_seconds=0),
    )


def rejecting_client(status: int, **body: Any) -> Client:
    """Return a client of an instance that rejects every request."""
    document = {"error": "No.", "code": "no", "request_id": "r-1", **body}
    return responding_client(status, json.dumps(document), **{"Retry-After": "7"})


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (400, BadRequestError),
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (429, TooManyRequestsError),
        (413, ApiError),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_each_status_raises_its_own_error(status: int, error_type: type[ApiError]) -> None:
    """The error has the fields of the response as attributes."""
    with rejecting_client(status) as client, pytest.raises(ApiError) as caught:
        client.auth.me()

    error = caught.value
    assert error_type is type(error)
    assert ("No.", status, "no", "r-1", 7) == (
        error.message,
        error.status,
        error.code,
        error.request_id,
        error.retry_after,
    )


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("Sun, 01 Mar 2026 12:00:00 GMT", 0),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00", 0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0),
        ("soon", None),
        ("nan", None),
        ("-1", None),
    ],
)
def test_retry_after_can_be_seconds_or_a_past_date(retry_after: str, seconds: float | None) -> None:
    """A past date means no delay. Invalid values are ignored."""
    assert seconds == retry_after_seconds(httpx.Response(429, headers={"Retry-After": retry_after}))


class NoonClock(datetime):
    """A clock that always shows noon."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """Return noon."""
        return cls(2026, 1, 1, 12, tzinfo=tz)


def test_retry_after_can_be_a_future_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in front of an instance may send a date instead of seconds."""
    asked = format_datetime(NoonClock.now(UTC) + timedelta(minutes=1), usegmt=True)
    monkeypatch.setattr("pushpaka_http.client.responses.datetime", NoonClock)

    seconds = retry_after_seconds(httpx.Response(503, headers={"Retry-After": asked}))

    assert 60 == seconds


def test_the_message_names_invalid_fields() -> None:
    """The error's text lists each field with its problem."""
    details = [{"field": "name", "message": "is required"}, {"field": "port", "message": "must be"}]

    with rejecting_client(400, details=details) as client, pytest.raises(BadRequestError) as caught:
        client.auth.me()

    assert "No. name is required; port must be." == str(caught.value)
    assert ["name", "port"] == [problem.field for problem in caught.value.details]


@pytest.mark.parametrize(
    ("open_client", "reason"),
    [
        (
            partial(responding_client, 200, "<html>", "text/html"),
            "it sent text/html instead of JSON",
        ),
        (partial(responding_client, 200, "", ""), "it sent no content instead of JSON"),
        (partial(responding_client, 200, '{"hello": "world"}'), "required field missing"),
        (partial(responding_client, 200, "[]"), "must be an object"),
        (
            partial(responding_client, 404, "<html>", "text/html"),
            "it responded with 404 Not Found and text/html",
        ),
        (
            partial(responding_client, 404, '{"detail": "Not Found"}'),
            "it responded with 404 Not Found",
        ),
        (
            partial(responding_client, 301, "", Location="https://other.example.com"),
            "https://other.example.com",
        ),
    ],
)
def test_a_response_of_another_server_is_refused(
    open_client: Callable[[], Client], reason: str
) -> None:
    """The error contains the URL and the problem with the response."""
    with open_client() as client, pytest.raises(UnexpectedResponseError, match=reason) as caught:
        client.auth.me()

    assert "https://deploy.example.com/api/v1/auth/me" in str(caught.value)


def test_response_without_events_is_not_a_stream() -> None:
    """If another server responds, following a log raises an error."""
    with (
        responding_client(200, "{}") as client,
        pytest.raises(UnexpectedResponseError, match="does not stream events"),
    ):
        list(client.logs.follow("x"))


def test_unknown_fields_of_a_newer_instance_are_ignored() -> None:
    """Known fields are converted to their types."""
    user = from_response(UserResponse, {**USER, "nickname": "Annie"})

    assert (UUID(USER["id"]), "user", datetime(2026, 3, 1, 12, tzinfo=UTC)) == (
        user.id,
        user.role,
        user.created_at,
    )


def test_an_unknown_status_of_a_newer_instance_is_kept() -> None:
    """The unknown status has the type of a status, and equals its text."""
    status = from_response(DeploymentResponse, {**DEPLOYMENT, "status": "dreaming"}).status

    assert isinstance(status, DeploymentStatus)
    assert ("dreaming", "dreaming", "dreaming") == (status, status.value, f"{status}")
    assert status not in list(DeploymentStatus)
    assert {"dreaming": 1}[status]


def test_missing_fields_of_an_older_instance_are_none() -> None:
    """A newer client can read the responses of an older instance."""
    deployment = from_response(DeploymentResponse, DEPLOYMENT)

    assert deployment.url is None
    assert DeploymentStatus.RUNNING is deployment.status


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", None), ("name", 1), ("created_at", "today"), ("id", "1"), ("role", {})],
)
def test_a_field_of_another_type_is_refused(field: str, value: object) -> None:
    """The error contains the name of the field."""
    with pytest.raises(ValueError, match=f"answer.{field}"):
        from_response(UserResponse, {**USER, field: value})


def test_the_token_is_never_shown() -> None:
    """No representation, error or traceback with variables contains the token."""
    with rejecting_client(500) as client:
        with pytest.raises(ServerError) as caught:
            client.auth.me()
        shown = [repr(client), repr(vars(client)), repr(caught.value), str(caught.value)]

    shown += traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize("token", [f"{SECRET}\n", f" {SECRET} "])
def test_space_around_a_token_is_ignored(token: str) -> None:
    """The token may come from a file with a trailing newline."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return httpx.Response(200, json=USER)

    with Client("http://localhost", token=token, transport=httpx.MockTransport(answer)) as client:
        client.auth.me()

    assert [f"Bearer {SECRET}"] == sent


@pytest.mark.parametrize("character", ["\n", "\0", "é"])
def test_a_token_with_other_characters_is_refused(character: str) -> None:
    """The error does not contain the token."""
    token = f"{SECRET}{character}{SECRET}"
    with (
        Client("http://localhost", token=token) as client,
        pytest.raises(InvalidInputError, match="token: must be printable") as caught,
    ):
        client.auth.me()

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_malformed_idempotency_key_is_refused() -> None:
    """No request is sent."""
    with (
        responding_client(200, "{}") as client,
        pytest.raises(InvalidInputError, match="idempotency_key"),
    ):
        client.deployments.create(project_id="x", idempotency_key="a\nb")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://deploy.example.com", "https://deploy.example.com/api/v1"),
        ("https://deploy.example.com/", "https://deploy.example.com/api/v1"),
        ("https://deploy.example.com/api/v1", "https://deploy.example.com/api/v1"),
        (" https://deploy.example.com/api/v1/ ", "https://deploy.example.com/api/v1"),
        ("http://[::1]:8080/apps/", "http://[::1]:8080/apps/api/v1"),
    ],
)
def test_the_address_can_be_that_of_the_dashboard_or_the_api(url: str, address: str) -> None:
    """The path of the API is added if necessary. The port and a path prefix are kept."""
    assert address == api_url(url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("deploy.example.com", "must be an HTTP or HTTPS URL"),
        ("ftp://deploy.example.com", "must be an HTTP or HTTPS URL"),
        ("https://", "must be an HTTP or HTTPS URL"),
        ("https://ann:secret@deploy.example.com", "must not have a user name or password"),
        ("https://deploy.example.com?token=x", "must not have a query"),
    ],
)
def test_a_malformed_address_is_refused(url: str, problem: str) -> None:
    """The error does not contain the secrets in the address."""
    with pytest.raises(InvalidInputError, match=problem) as caught:
        Client(url)

    assert "secret" not in str(caught.value)


def parse_stream(*chunks: bytes) -> list[tuple[str, str, str]]:
    """Return the name, data and id of each event in a stream that arrives in *chunks*."""

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"Content-Type": "text/event-stream"}
        return httpx.Response(200, content=iter((*chunks, END)), headers=headers)

    http = httpx.Client(transport=httpx.MockTransport(answer))
    connection = Connection("https://deploy.example.com", None, http, RetryPolicy(total_seconds=0))
    events = [event for _, event in connection.stream_events(call("GET", "/events"))]
    return [(event.event, event.data, event.id) for event in events]


def test_events_may_be_split_anywhere() -> None:
    """The parsed events are the same wherever the stream is split."""
    stream = EVENTS.encode()
    for at in range(len(stream) + 1):
        read = parse_stream(stream[:at], stream[at:])

        assert [("log", '"é\u2028"', "1"), ("message", "a\nb", "2")] == read, at


def test_malformed_utf8_in_a_stream_is_replaced() -> None:
    """The HTML standard requires the replacement character."""
    ((_, data, _),) = parse_stream(b"data: a\xffb\n\n")

    assert "a\ufffdb" == data


@pytest.mark.parametrize("id_", ["", ".", "..", "a/b", "a?b", "a#b", "%2e%2e", "é"])
def test_an_id_is_always_one_segment_of_the_path(id_: str) -> None:
    """An id cannot change the path to that of another operation."""
    paths: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(404, json={"error": "No.", "code": "no", "request_id": "r"})

    transport = httpx.MockTransport(answer)
    with Client("http://localhost", transport=transport) as client, pytest.raises(PushpakaError):
        client.projects.start(id_)

    (path,) = paths
    parts = path.split(b"/")
    assert [b"", b"api", b"v1", b"projects"] == parts[:4]
    assert [b"start"] == parts[5:]
