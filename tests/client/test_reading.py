"""What comes back is read as what it means, whoever has written it."""

import json
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.client.samples import DEPLOYMENT, USER

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.errors import InvalidInputError, PushpakaError
from pushpaka_http.client import (
    ApiError,
    BadRequestError,
    Client,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    Retries,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from pushpaka_http.client.addresses import api_address
from pushpaka_http.client.answers import seconds_to_wait
from pushpaka_http.client.events import EventReader, ServerEvent
from pushpaka_http.client.objects import from_answer
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.users import UserResponse

SECRET = "ppk_0123456789abcdef"
EVENTS = 'id: 1\nevent: log\ndata: "é\u2028"\n\n:\n\nid: 2\r\ndata: a\r\ndata: b\r\n\r\nid: 3\n\n'


def answered(
    status: int, content: str, content_type: str = "application/json", **headers: str
) -> Client:
    """Return a client of a server that answers everything in one way."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            status, text=content, headers={"Content-Type": content_type, **headers}
        )

    return Client(
        "https://deploy.example.com",
        token=SECRET,
        transport=httpx.MockTransport(answer),
        retries=Retries(total=0),
    )


def refused(status: int, **body: Any) -> Client:
    """Return a client of an instance that says no."""
    said = {"error": "No.", "code": "no", "request_id": "r-1", **body}
    return answered(status, json.dumps(said), **{"Retry-After": "7"})


@pytest.mark.parametrize(
    ("status", "kind"),
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
def test_each_refusal_is_an_error_of_its_own(status: int, kind: type[ApiError]) -> None:
    """Who catches one kind of error gets that one, with all that the instance says."""
    with refused(status) as client, pytest.raises(ApiError) as told:
        client.auth.me()

    error = told.value
    assert kind is type(error)
    assert ("No.", status, "no", "r-1", 7) == (
        error.message,
        error.status,
        error.code,
        error.request_id,
        error.retry_after,
    )


@pytest.mark.parametrize(
    ("asked", "seconds"),
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
def test_retry_after_is_understood(asked: str, seconds: float | None) -> None:
    """Seconds are seconds, a time that is over is now, and what is neither says nothing."""
    assert seconds == seconds_to_wait(httpx.Response(429, headers={"Retry-After": asked}))


def test_retry_after_may_be_a_time() -> None:
    """What stands before an instance may name a time instead."""
    asked = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)

    seconds = seconds_to_wait(httpx.Response(503, headers={"Retry-After": asked}))

    assert seconds is not None
    assert 50 < seconds <= 60


def test_wrong_fields_are_in_the_sentence() -> None:
    """Who prints the error sees what to mend."""
    details = [{"field": "name", "message": "is required"}, {"field": "port", "message": "must be"}]

    with refused(400, details=details) as client, pytest.raises(BadRequestError) as told:
        client.auth.me()

    assert "No. name is required; port must be." == str(told.value)
    assert ["name", "port"] == [problem.field for problem in told.value.details]


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        (answered(200, "<html>", "text/html"), "it sends text/html instead of JSON"),
        (answered(200, "", ""), "it sends nothing instead of JSON"),
        (answered(200, '{"hello": "world"}'), "required field missing"),
        (answered(200, "[]"), "must be an object"),
        (answered(404, "<html>", "text/html"), "it says 404 Not Found, and sends text/html"),
        (answered(404, '{"detail": "Not Found"}'), "it says 404 Not Found"),
        (answered(301, "", Location="https://other.example.com"), "https://other.example.com"),
    ],
)
def test_who_is_no_pushpaka_is_told(client: Client, reason: str) -> None:
    """The error names the address, and what is strange about the answer."""
    with client, pytest.raises(UnexpectedAnswerError, match=reason) as told:
        client.auth.me()

    assert "https://deploy.example.com/api/v1/auth/me" in str(told.value)


def test_stream_that_is_none_is_told() -> None:
    """What answers without events is no log."""
    with answered(200, "{}") as client, pytest.raises(UnexpectedAnswerError, match="no events"):
        list(client.logs.follow("x"))


def test_newer_instance_is_understood() -> None:
    """Fields that a client does not know yet are passed over."""
    user = from_answer(UserResponse, {**USER, "nickname": "Annie"})

    assert (UUID(USER["id"]), "user", datetime(2026, 3, 1, 12, tzinfo=UTC)) == (
        user.id,
        user.role,
        user.created_at,
    )


def test_word_that_is_not_known_yet_is_kept() -> None:
    """A new status is of its type, equal to its text, and among no known ones."""
    status = from_answer(DeploymentResponse, {**DEPLOYMENT, "status": "dreaming"}).status

    assert isinstance(status, DeploymentStatus)
    assert ("dreaming", "dreaming", "dreaming") == (status, status.value, f"{status}")
    assert status not in list(DeploymentStatus)
    assert {"dreaming": 1}[status]


def test_known_word_is_the_member_itself() -> None:
    """What is known is compared as ever."""
    assert DeploymentStatus.RUNNING is from_answer(DeploymentResponse, DEPLOYMENT).status


def test_older_instance_is_understood() -> None:
    """What an instance does not tell yet is null, where it may be."""
    assert from_answer(DeploymentResponse, DEPLOYMENT).url is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", None), ("name", 1), ("created_at", "today"), ("id", "1"), ("role", {})],
)
def test_what_is_of_another_type_is_told(field: str, value: object) -> None:
    """Nothing is made of what is not what it should be, and the error says where."""
    with pytest.raises(ValueError, match=f"answer.{field}"):
        from_answer(UserResponse, {**USER, field: value})


def test_token_is_never_shown() -> None:
    """Neither the client nor an error, with all that led to it, shows who speaks."""
    with refused(500) as client:
        with pytest.raises(ServerError) as told:
            client.auth.me()
        shown = [repr(client), repr(vars(client)), repr(told.value), str(told.value)]

    shown += traceback.TracebackException.from_exception(told.value, capture_locals=True).format()
    assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize("token", [f"{SECRET}\n", f" {SECRET} "])
def test_token_may_come_as_a_line_of_a_file(token: str) -> None:
    """What is around it is no part of it."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return httpx.Response(200, json=USER)

    with Client("http://localhost", token=token, transport=httpx.MockTransport(answer)) as client:
        client.auth.me()

    assert [f"Bearer {SECRET}"] == sent


@pytest.mark.parametrize("odd", ["\n", "\0", "é"])
def test_token_that_cannot_be_sent_is_not_shown(odd: str) -> None:
    """What is no token is told of by name alone."""
    token = f"{SECRET}{odd}{SECRET}"
    with (
        Client("http://localhost", token=token) as client,
        pytest.raises(InvalidInputError, match="token: must be printable") as told,
    ):
        client.auth.me()

    assert SECRET not in "".join(traceback.format_exception(told.value))


def test_idempotency_key_that_cannot_be_sent_is_told() -> None:
    """It is refused before anything is sent."""
    with answered(200, "{}") as client, pytest.raises(InvalidInputError, match="idempotency_key"):
        client.deployments.create(project_id="x", idempotency_key="a\nb")


@pytest.mark.parametrize(
    "given",
    [
        "https://deploy.example.com",
        "https://deploy.example.com/",
        "https://deploy.example.com/api/v1",
        " https://deploy.example.com/api/v1/ ",
    ],
)
def test_address_is_understood_in_all_its_forms(given: str) -> None:
    """Whether somebody has the address of the dashboard or of the API, it is the same."""
    assert "https://deploy.example.com/api/v1" == api_address(given)


def test_address_may_lie_below_another() -> None:
    """A path before the API's own is kept, as is a port."""
    assert "http://[::1]:8080/apps/api/v1" == api_address("http://[::1]:8080/apps/")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("deploy.example.com", "must be an address"),
        ("ftp://deploy.example.com", "must be an address"),
        ("https://", "must be an address"),
        ("https://ann:secret@deploy.example.com", "must not hold a name or a password"),
        ("https://deploy.example.com?token=x", "must end before"),
    ],
)
def test_address_that_is_none_is_refused(given: str, problem: str) -> None:
    """What is wrong is told before anything is sent, without what may be a secret."""
    with pytest.raises(InvalidInputError, match=problem) as told:
        Client(given)

    assert "secret" not in str(told.value)


@pytest.mark.parametrize("at", range(len(EVENTS.encode()) + 1))
def test_events_are_whole_however_they_come(at: int) -> None:
    """Wherever the bytes of a stream are parted, the events are the same."""
    first, second = EVENTS.encode()[:at], EVENTS.encode()[at:]
    reader = EventReader()

    read = [*reader.feed(first), *reader.feed(second)]

    assert [
        ServerEvent(name="log", data='"é\u2028"', id="1"),
        ServerEvent(name="message", data="a\nb", id="2"),
    ] == read


def test_bytes_that_are_no_text_end_no_stream() -> None:
    """The standard has them replaced."""
    (event,) = EventReader().feed(b"data: a\xffb\n\n")

    assert "a\ufffdb" == event.data


@pytest.mark.parametrize("odd", ["", ".", "..", "a/b", "a?b", "a#b", "%2e%2e", "é"])
def test_id_stays_one_part_of_the_address(odd: str) -> None:
    """Whatever is given for an id, it leads to nothing else."""
    paths: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(404, json={"error": "No.", "code": "no", "request_id": "r"})

    transport = httpx.MockTransport(answer)
    with Client("http://localhost", transport=transport) as client, pytest.raises(PushpakaError):
        client.projects.start(odd)

    (path,) = paths
    parts = path.split(b"/")
    assert [b"", b"api", b"v1", b"projects"] == parts[:4]
    assert [b"start"] == parts[5:]
