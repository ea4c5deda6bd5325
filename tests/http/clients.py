"""Clients for tests of the API: users with tokens, WebSockets and event streams."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import msgspec
from anyio import (
    BrokenResourceError,
    Event,
    create_memory_object_stream,
    create_task_group,
)
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import define, field, frozen
from litestar import Litestar

from pushpaka_http.middleware.rate_limits import Limits

BASE_URL = "http://api.localhost:8000"
PASSWORD = "correct horse"
REPO = "https://git.example.com/ann/app.git"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
"""An id that no resource has."""
_MANY = 10**9
UNLIMITED = Limits(
    sign_ins_per_client=_MANY,
    sign_ins_per_account=_MANY,
    requests_per_user=_MANY,
    deployments_per_project=_MANY,
    deployments_per_user=_MANY,
    event_stream_seconds=0,
)
"""Limits that no test reaches."""
_numbers = count(1)


def speaking_to(app: Any, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """Return an HTTP client for *app*, which sees requests from the IP address *address*."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 50000))
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL)


@frozen
class Person:
    """A signed-in user, whose requests use their token."""

    client: httpx.AsyncClient
    token: str
    user: dict[str, Any]

    @classmethod
    async def register(cls, client: httpx.AsyncClient, email: str) -> Self:
        """Sign up with *email*, and return the new user."""
        body = {"email": email, "name": "Ann", "password": PASSWORD}
        answer = await client.post("/api/v1/auth/register", json=body)
        assert 201 == answer.status_code, answer.text
        return cls(client, answer.json()["token"], answer.json()["user"])

    async def ask(self, method: str, path: str, json: Any = None, **more: Any) -> httpx.Response:
        """Send a request to the API with the user's token."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        if json is not None:
            more["json"] = json
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        """Send a GET request to the API with the user's token."""
        return await self.ask("GET", path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> httpx.Response:
        """Send a POST request to the API with the user's token."""
        return await self.ask("POST", path, json, **more)

    async def project(self, name: str = "shop", **settings: Any) -> dict[str, Any]:
        """Create a project, and return its representation."""
        answer = await self.post("/projects", {"name": name, "repo_url": REPO, **settings})
        assert 201 == answer.status_code, answer.text
        return dict(answer.json())

    async def deployment(self, project_id: str | None = None) -> dict[str, Any]:
        """Queue a deployment of *project_id*, by default of a new project, and return it."""
        project_id = project_id or (await self.project())["id"]
        answer = await self.post("/deployments", {"project_id": project_id})
        assert 201 == answer.status_code, answer.text
        return dict(answer.json())


async def register_user(app: Any) -> Person:
    """Sign up a new user with their own email address and IP address."""
    number = next(_numbers)
    client = speaking_to(app, f"198.51.{number // 250}.{number % 250}")
    return await Person.register(client, f"p{number}@example.com")


def refused_fields(response: httpx.Response) -> set[str]:
    """Require status 400, and return the names of the invalid fields."""
    assert 400 == response.status_code, response.text
    return {problem["field"] for problem in response.json()["details"]}


def case_id(value: object) -> str | None:
    """Return a short test id for a parameter, or None for a set, so that pytest numbers it."""
    return None if isinstance(value, set) else ascii(value)[:50]


def statuses_of(*responses: httpx.Response) -> list[int]:
    """Return the status codes of *responses*."""
    return [response.status_code for response in responses]


@define
class Browser:
    """The client side of a WebSocket, over which tests exchange ASGI events."""

    _to_app: MemoryObjectSendStream[dict[str, Any]]
    _from_app: MemoryObjectReceiveStream[dict[str, Any]]
    accepted: bool = field(default=False, init=False)

    async def event(self) -> dict[str, Any]:
        """Return the next ASGI event from the application."""
        return await self._from_app.receive()

    async def accept(self) -> None:
        """Connect, and require that the application accepts the connection."""
        await self._to_app.send({"type": "websocket.connect"})
        assert "websocket.accept" == (await self.event())["type"]

    async def line(self) -> dict[str, Any]:
        """Receive a text message, and return the log line that it contains."""
        event = await self.event()
        assert "websocket.send" == event["type"], event
        return dict(msgspec.json.decode(event["text"]))

    async def code(self) -> int:
        """Require that the application closes the connection next, and return the close code."""
        event = await self.event()
        assert "websocket.close" == event["type"], event
        return int(event["code"])

    async def say(self, text: str) -> None:
        """Send a text message."""
        await self._to_app.send({"type": "websocket.receive", "text": text, "bytes": None})

    async def leave(self) -> None:
        """Disconnect."""
        await self._to_app.send({"type": "websocket.disconnect", "code": 1001})


@define
class EventStreamClient:
    """A client that receives Server-Sent Events."""

    _from_app: MemoryObjectReceiveStream[dict[str, Any]]
    _waiting: list[str] = field(factory=list, init=False)

    async def event(self) -> tuple[str, Any]:
        """Return the name and the decoded data of the next event."""
        while not self._waiting:
            message = await self._from_app.receive()
            assert message["more_body"], "the stream has ended"
            events = message["body"].decode().split("\n\n")
            self._waiting = [event for event in events if event.startswith("event: ")]
        name, data = self._waiting.pop(0).split("\n")
        return name.removeprefix("event: "), msgspec.json.decode(data.removeprefix("data: "))

    async def deployment(self) -> dict[str, Any]:
        """Require that the next event is about a deployment, and return it."""
        name, deployment = await self.event()
        assert "deployment" == name
        return dict(deployment)

    async def wait_until_ended(self) -> None:
        """Wait until the application closes the stream."""
        while (await self._from_app.receive())["more_body"]:
            pass


@asynccontextmanager
async def listen(app: Litestar, url: str, token: str) -> AsyncIterator[EventStreamClient]:
    """
    Connect to the event stream at *url*, and disconnect after the block.

    Nothing is buffered: the application waits until the client receives each event.
    """
    app_sends, from_app = create_memory_object_stream[dict[str, Any]](0)
    left, ended = Event(), Event()
    scope = _scope(url, {"authorization": f"Bearer {token}"})
    scope |= {"type": "http", "method": "GET", "scheme": "http"}
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if asked:
            return asked.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        with suppress(BrokenResourceError):
            await app_sends.send(message)

    async def run() -> None:
        await app(scope, receive, send)  # type: ignore[arg-type]
        ended.set()

    async with create_task_group() as tasks:
        with app_sends:
            with from_app:
                tasks.start_soon(run)
                start = await from_app.receive()
                assert 200 == start["status"], start
                yield EventStreamClient(from_app)
                left.set()
            await ended.wait()


@asynccontextmanager
async def open_websocket(app: Litestar, url: str, **headers: str) -> AsyncIterator[Browser]:
    """
    Connect to the WebSocket at *url*, and disconnect after the block.

    Nothing is buffered: the application waits until the client receives each message.
    """
    to_app, app_receives = create_memory_object_stream[dict[str, Any]](10)
    app_sends, from_app = create_memory_object_stream[dict[str, Any]](0)
    ended = Event()

    async def run() -> None:
        await app(_scope(url, headers), app_receives.receive, app_sends.send)  # type: ignore[arg-type]
        ended.set()

    async with create_task_group() as tasks:
        with to_app, app_receives, app_sends, from_app:
            tasks.start_soon(run)
            browser = Browser(to_app, from_app)
            await browser.accept()
            yield browser
            await browser.leave()
            await ended.wait()


async def close_code(app: Litestar, url: str, **headers: str) -> int:
    """Connect to the WebSocket at *url*, and return the close code that the application sends."""
    async with open_websocket(app, url, **headers) as browser:
        return await browser.code()


def log_stream_path(deployment: Mapping[str, str], token: str, query: str = "") -> str:
    """Return the path of the WebSocket for a deployment's log, with the token and *query*."""
    return f"/api/v1/logs/{deployment['id']}/stream?token={token}{query}"


def _scope(url: str, headers: dict[str, str]) -> dict[str, Any]:
    parts = urlsplit(url)
    sent = {"host": "api.localhost:8000", **headers}
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "subprotocols": [],
        "extensions": {},
    }
