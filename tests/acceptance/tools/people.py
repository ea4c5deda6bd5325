"""A user of an instance, who calls its API and visits its applications."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Self

import httpx
from anyio import fail_after, sleep
from attrs import field, frozen
from tests.served_instance import PASSWORD, ServedInstance
from tests.webhook_deliveries import Delivery
from websockets.asyncio.client import ClientConnection, connect

Json = dict[str, Any]

PATIENCE = 300
"""Seconds after which a test counts as hung. A deployment can take minutes on a busy machine."""

OWN_ADDRESSES = {"PUSHPAKA_TRUSTED_PROXIES": "127.0.0.1/32", "PUSHPAKA_REGISTRATION": "open"}
"""
Settings that give each user a network of their own, so that users do not share rate limits. They
also keep registration open, which otherwise would close to forwarded requests after the first
account.
"""

# The API closes idle connections after 5 s, and a request must not meet the end of one.
_LIMITS = httpx.Limits(keepalive_expiry=2)
_UNDER_WAY = ("queued", "building", "deploying")
_numbers = count(1)


@frozen
class Person:
    """A user with an account and a token, who calls all APIs of an instance in turn."""

    served_instance: ServedInstance
    email: str
    token: str = field(repr=False)
    _api: httpx.AsyncClient
    _web: httpx.AsyncClient
    _turns: "count[int]" = field(factory=count, init=False)

    @classmethod
    @asynccontextmanager
    async def sign_up(
        cls, served_instance: ServedInstance, *, name: str = "Ann"
    ) -> AsyncIterator[Self]:
        """Yield a new user from a network of their own."""
        number = next(_numbers)
        base = f"http://127.0.0.1:{served_instance.port}/api/v1"
        origin = {"X-Forwarded-For": f"10.{number // 256}.{number % 256}.1"}
        async with (
            httpx.AsyncClient(
                base_url=base, headers=origin, limits=_LIMITS, timeout=60, trust_env=False
            ) as api,
            httpx.AsyncClient(timeout=30, trust_env=False) as web,
        ):
            email = f"ann{number}@example.org"
            who = {"email": email, "name": name, "password": PASSWORD}
            registered = await api.post("/auth/register", json=who)
            assert 201 == registered.status_code, registered.text
            token = registered.json()["token"]
            api.headers["Authorization"] = f"Bearer {token}"
            yield cls(served_instance, email, token, api, web)

    @classmethod
    @asynccontextmanager
    async def temporary(cls, served_instance: ServedInstance) -> AsyncIterator[Self]:
        """Yield a new user, whose projects are deleted at the end."""
        async with cls.sign_up(served_instance) as person:
            yield person
            await person.leave()

    async def leave(self) -> None:
        """Delete all projects, so that their applications do not slow down later tests."""
        listed = (await self._api.get("/projects")).json()
        for project in listed.get("data", ()):
            await self._api.delete(f"/projects/{project['id']}")

    async def ask(self, method: str, path: str, body: object = None) -> Json:
        """Send a request that has to succeed, and return the body of the response."""
        response = await self._response(method, path, body)
        with fail_after(PATIENCE):
            # SQLite has one writer at a time, who gets little of a busy machine.
            while "The database is busy. Try again in a few seconds." in response.text:
                response = await self._response(method, path, body)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return dict(response.json())

    async def upload(self, path: str, content: bytes) -> None:
        """Send a PUT with a binary body, which has to succeed."""
        response = await self._api.put(self._base("http") + path, content=content)
        assert response.is_success, f"{path}: {response.status_code} {response.text}"

    async def text(self, path: str, body: object = None) -> str:
        """Send a GET, or a POST with *body*. Return the response's text, whatever its status is."""
        method = "GET" if body is None else "POST"
        return (await self._response(method, path, body)).text

    async def status_of(self, method: str, path: str) -> int:
        """Send a request, and return the status of the response."""
        return (await self._response(method, path)).status_code

    async def project(self, repo_url: object, name: str = "shop", **settings: Any) -> Json:
        """Create a project."""
        body = {"name": name, "repo_url": str(repo_url), **settings}
        return await self.ask("POST", "/projects", body)

    async def begin(self, project: Json, **fields: Any) -> Json:
        """Queue a deployment."""
        return await self.ask("POST", "/deployments", {"project_id": project["id"], **fields})

    async def deploy_again(self, deployment: Json) -> Json:
        """Queue another deployment of the same project."""
        return await self.ask("POST", "/deployments", {"project_id": deployment["project_id"]})

    async def outcome(self, deployment: Json, *, patience: float = PATIENCE) -> Json:
        """Wait until a deployment is running or final, and return it."""
        with fail_after(patience):
            while deployment["status"] in _UNDER_WAY:
                deployment = await self.ask("GET", f"/deployments/{deployment['id']}?wait=20")
        return deployment

    async def deploy(self, project: Json, *, patience: float = PATIENCE, **fields: Any) -> Json:
        """Deploy, and return the running deployment."""
        deployment = await self.outcome(await self.begin(project, **fields), patience=patience)
        assert "running" == deployment["status"], deployment["error"]
        return deployment

    async def roll_back(self, deployment: Json) -> Json:
        """Roll back to *deployment*, and return the running deployment."""
        queued = await self.ask("POST", f"/deployments/{deployment['id']}/rollback")
        rolled_back = await self.outcome(queued)
        assert "running" == rolled_back["status"], rolled_back["error"]
        return rolled_back

    async def wait_until(self, deployment: Json, condition: Callable[[Json], bool]) -> Json:
        """Wait until *condition* returns True for a deployment, and return the deployment."""
        with fail_after(PATIENCE):
            while not condition(seen := await self.ask("GET", f"/deployments/{deployment['id']}")):
                await sleep(0.1)
        return seen

    async def timeline(self, deployment: Json) -> list[Json]:
        """Return the timeline of a deployment."""
        return list((await self.ask("GET", f"/deployments/{deployment['id']}/events"))["data"])

    async def wait_until_caused(self, deployment: Json, cause: str) -> list[Json]:
        """Wait until the last event of the timeline has *cause*, and return the timeline."""
        with fail_after(PATIENCE):
            while cause != (timeline := await self.timeline(deployment))[-1]["cause"]:
                await sleep(0.1)
        return timeline

    async def log(self, deployment: Json, *, after: int = 0) -> list[Json]:
        """Return the lines of a deployment's log."""
        return list((await self.ask("GET", f"/logs/{deployment['id']}?after={after}"))["data"])

    async def wait_until_logged(self, deployment: Json, message: str) -> list[Json]:
        """Wait until a line of the log is *message*, and return the log."""
        with fail_after(PATIENCE):
            while message not in messages(lines := await self.log(deployment)):
                await sleep(0.1)
        return lines

    @asynccontextmanager
    async def watch_log(self, deployment: Json, *, after: int = 0) -> AsyncIterator["LogWatch"]:
        """Open the WebSocket of a log."""
        path = f"/logs/{deployment['id']}/stream?token={self.token}&after={after}"
        async with connect(self._base("ws") + path, proxy=None) as socket:
            yield LogWatch(socket)

    async def visit(self, url: str, path: str = "/") -> httpx.Response:
        """Request a path of the application at *url* through the router."""
        headers = {"Host": httpx.URL(url).netloc.decode()}
        address = f"http://127.0.0.1:{self.served_instance.router_port}{path}"
        return await self._web.get(address, headers=headers)

    async def deliver(self, webhook: Json, delivery: Delivery) -> Json:
        """Send a webhook delivery through the router, and return the response."""
        url = httpx.URL(webhook["url"])
        headers = delivery.headers(webhook["secret"]) | {"Host": url.netloc.decode()}
        path = url.raw_path.decode()
        address = f"http://127.0.0.1:{self.served_instance.router_port}{path}"
        answer = await self._web.post(address, content=delivery.body, headers=headers)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def send_form(self, url: str, path: str, fields: dict[str, str]) -> httpx.Response:
        """Send a form from the page at *url*, with the Origin header of a browser."""
        headers = {"Host": httpx.URL(url).netloc.decode(), "Origin": url, "Accept": "text/html"}
        address = f"http://127.0.0.1:{self.served_instance.router_port}{path}"
        return await self._web.post(address, headers=headers, data=fields)

    @asynccontextmanager
    async def connect(self, project: Json, path: str) -> AsyncIterator[ClientConnection]:
        """Open a WebSocket to an application, through the router."""
        url = project["url"].replace("http://", "ws://", 1) + path
        port = self.served_instance.router_port
        # Not every application answers pings, and a busy machine answers late.
        patient = connect(url, host="127.0.0.1", port=port, proxy=None, ping_interval=None)
        async with patient as socket:
            yield socket

    async def read(self, project: Json, path: str = "/") -> str:
        """Request a page of an application, and return its text. The request has to succeed."""
        response = await self.visit(project["url"], path)
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        return response.text

    async def _response(self, method: str, path: str, body: object = None) -> httpx.Response:
        return await self._api.request(method, self._base("http") + path, json=body)

    def _base(self, scheme: str) -> str:
        ports = [self.served_instance.port, *self.served_instance.other_ports]
        return f"{scheme}://127.0.0.1:{ports[next(self._turns) % len(ports)]}/api/v1"


@frozen
class LogWatch:
    """The WebSocket of a log."""

    _socket: ClientConnection

    async def line(self) -> Json:
        """Return the next line."""
        with fail_after(PATIENCE):
            return dict(json.loads(await self._socket.recv()))

    async def wait_until(self, message: str) -> list[Json]:
        """Return the next lines, up to and including *message*."""
        seen = [await self.line()]
        while message != seen[-1]["message"]:
            seen.append(await self.line())
        return seen

    async def lines(self) -> list[Json]:
        """Return all lines until the WebSocket is closed."""
        with fail_after(PATIENCE):
            return [json.loads(message) async for message in self._socket]

    @property
    def close_code(self) -> int | None:
        """Return the close code of the WebSocket."""
        return self._socket.close_code


def messages(lines: list[Json]) -> list[str]:
    """Return the messages of log lines."""
    return [line["message"] for line in lines]


def numbers(lines: list[Json]) -> list[int]:
    """Return the sequence numbers of log lines."""
    return [line["seq"] for line in lines]
