"""How the tests of the API speak to it: people with tokens, and WebSockets."""

from collections.abc import AsyncIterator
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

from pushpaka_http.rate_limits import Limits

BASE_URL = "http://api.localhost:8000"
PASSWORD = "correct horse"
REPO = "https://git.example.com/ann/app.git"
NOBODY = "00000000-0000-4000-8000-000000000000"
"""An id that nothing has."""
_MANY = 10**9
UNLIMITED = Limits(
    sign_ins_per_client=_MANY,
    sign_ins_per_account=_MANY,
    requests_per_user=_MANY,
    deployments_per_project=_MANY,
    deployments_per_user=_MANY,
    watch_seconds=0,
)
"""For a single client who tries everything."""
_numbers = count(1)


def speaking_to(app: Any, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """Return a client of *app*, which sees it come from *address*."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 50000))
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL)


@frozen
class Person:
    """Somebody with an account, who speaks JSON."""

    client: httpx.AsyncClient
    token: str
    user: dict[str, Any]

    @classmethod
    async def registered(cls, client: httpx.AsyncClient, email: str) -> Self:
        """Return somebody who has just signed up."""
        body = {"email": email, "name": "Ann", "password": PASSWORD}
        answer = await client.post("/api/v1/auth/register", json=body)
        assert 201 == answer.status_code, answer.text
        return cls(client, answer.json()["token"], answer.json()["user"])

    async def ask(self, method: str, path: str, json: Any = None, **more: Any) -> httpx.Response:
        """Send a request with the token."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        if json is not None:
            more["json"] = json
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        """Ask for what is at *path*."""
        return await self.ask("GET", path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> httpx.Response:
        """Send *json* to *path*."""
        return await self.ask("POST", path, json, **more)

    async def project(self, name: str = "shop", **settings: Any) -> dict[str, Any]:
        """Return a new project."""
        answer = await self.post("/projects", {"name": name, "repo_url": REPO, **settings})
        assert 201 == answer.status_code, answer.text
        return dict(answer.json())

    async def deployment(self, project_id: str | None = None) -> dict[str, Any]:
        """Return a new deployment that waits."""
        project_id = project_id or (await self.project())["id"]
        answer = await self.post("/deployments", {"project_id": project_id})
        assert 201 == answer.status_code, answer.text
        return dict(answer.json())


async def somebody(app: Any) -> Person:
    """Return somebody new, from an address of their own."""
    number = next(_numbers)
    client = speaking_to(app, f"198.51.{number // 250}.{number % 250}")
    return await Person.registered(client, f"p{number}@example.com")


def wrong_fields(answer: httpx.Response) -> list[str]:
    """Return the names of the fields for which a request was refused."""
    return [problem["field"] for problem in answer.json().get("details", ())]


@define
class Browser:
    """The other end of a WebSocket."""

    _to_app: MemoryObjectSendStream[dict[str, Any]]
    _from_app: MemoryObjectReceiveStream[dict[str, Any]]
    accepted: bool = field(default=False, init=False)

    async def event(self) -> dict[str, Any]:
        """Return the next thing that the application does."""
        return await self._from_app.receive()

    async def accept(self) -> None:
        """Open the connection and see it accepted."""
        await self._to_app.send({"type": "websocket.connect"})
        assert "websocket.accept" == (await self.event())["type"]

    async def line(self) -> dict[str, Any]:
        """Return the next log line."""
        event = await self.event()
        assert "websocket.send" == event["type"], event
        return dict(msgspec.json.decode(event["text"]))

    async def code(self) -> int:
        """Return the code with which the application closes."""
        event = await self.event()
        assert "websocket.close" == event["type"], event
        return int(event["code"])

    async def say(self, text: str) -> None:
        """Send a message, which nobody asked for."""
        await self._to_app.send({"type": "websocket.receive", "text": text, "bytes": None})

    async def leave(self) -> None:
        """Close the page."""
        await self._to_app.send({"type": "websocket.disconnect", "code": 1001})


@define
class Listener:
    """The other end of a stream of events."""

    _from_app: MemoryObjectReceiveStream[dict[str, Any]]
    _waiting: list[str] = field(factory=list, init=False)

    async def event(self) -> tuple[str, Any]:
        """Return the next event: its name, and what it has."""
        while not self._waiting:
            message = await self._from_app.receive()
            assert message["more_body"], "the stream has ended"
            events = message["body"].decode().split("\n\n")
            self._waiting = [event for event in events if event.startswith("event: ")]
        name, data = self._waiting.pop(0).split("\n")
        return name.removeprefix("event: "), msgspec.json.decode(data.removeprefix("data: "))

    async def deployment(self) -> dict[str, Any]:
        """Return the next deployment that has moved."""
        name, deployment = await self.event()
        assert "deployment" == name
        return dict(deployment)

    async def until_ended(self) -> None:
        """Return once the application has closed the stream."""
        while (await self._from_app.receive())["more_body"]:
            pass


@asynccontextmanager
async def listening(app: Litestar, url: str, token: str) -> AsyncIterator[Listener]:
    """
    Ask for events with a good token, for as long as the block lasts.

    Nothing is buffered: the application waits with an event until it is looked at.
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
                yield Listener(from_app)
                left.set()
            await ended.wait()


@asynccontextmanager
async def connected(app: Litestar, url: str, **headers: str) -> AsyncIterator[Browser]:
    """
    Connect to *url* and see it accepted, for as long as the block lasts.

    Nothing is buffered: the application waits with a message until it is looked at.
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
