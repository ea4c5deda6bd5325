"""Somebody who uses an instance from outside: by its API, and by the addresses that it routes."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Self

import httpx
from anyio import fail_after, sleep
from attrs import field, frozen
from tests.deliveries import Delivery
from tests.served import PASSWORD, Served
from websockets.asyncio.client import ClientConnection, connect

Json = dict[str, Any]

PATIENCE = 90
"""Seconds that a deployment may take on a busy machine."""

OWN_ADDRESSES = {"PUSHPAKA_TRUSTED_PROXIES": "127.0.0.1/32"}
"""The setting by which people who sign up come from networks of their own, as limits count them."""

# An API closes what is silent for 5 s: a request must not meet its closing.
_LIMITS = httpx.Limits(keepalive_expiry=2)
_UNDER_WAY = ("queued", "building", "deploying")
_numbers = count(1)


@frozen
class Person:
    """Somebody with an account, a token and a browser, who asks all APIs in turn."""

    served: Served
    token: str = field(repr=False)
    _api: httpx.AsyncClient
    _web: httpx.AsyncClient
    _turns: "count[int]" = field(factory=count, init=False)

    @classmethod
    @asynccontextmanager
    async def signed_up(cls, served: Served, *, name: str = "Ann") -> AsyncIterator[Self]:
        """Give somebody new, from a network that nobody else comes from."""
        number = next(_numbers)
        base = f"http://127.0.0.1:{served.port}/api/v1"
        origin = {"X-Forwarded-For": f"10.{number // 256}.{number % 256}.1"}
        async with (
            httpx.AsyncClient(
                base_url=base, headers=origin, limits=_LIMITS, timeout=60, trust_env=False
            ) as api,
            httpx.AsyncClient(timeout=30, trust_env=False) as web,
        ):
            who = {"email": f"ann{number}@example.org", "name": name, "password": PASSWORD}
            registered = await api.post("/auth/register", json=who)
            assert 201 == registered.status_code, registered.text
            token = registered.json()["token"]
            api.headers["Authorization"] = f"Bearer {token}"
            yield cls(served, token, api, web)

    @classmethod
    @asynccontextmanager
    async def visiting(cls, served: Served) -> AsyncIterator[Self]:
        """Give somebody new, who leaves nothing behind."""
        async with cls.signed_up(served) as person:
            yield person
            await person.leave()

    async def leave(self) -> None:
        """Delete all projects: what lives on costs all later tests a share of the processors."""
        listed = (await self._api.get("/projects")).json()
        for project in listed.get("data", ()):
            await self._api.delete(f"/projects/{project['id']}")

    async def ask(self, method: str, path: str, body: object = None) -> Json:
        """Return the API's answer, which has to be a success."""
        response = await self._api.request(method, self._base("http") + path, json=body)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return dict(response.json())

    async def text(self, path: str, body: object = None) -> str:
        """Return the API's answer as it is, be it a refusal, to a GET or with a body to a POST."""
        method = "GET" if body is None else "POST"
        return (await self._api.request(method, self._base("http") + path, json=body)).text

    async def status_of(self, method: str, path: str) -> int:
        """Return only the status of the API's answer."""
        return (await self._api.request(method, self._base("http") + path)).status_code

    async def project(self, repo_url: object, name: str = "shop", **settings: Any) -> Json:
        """Make a project."""
        body = {"name": name, "repo_url": str(repo_url), **settings}
        return await self.ask("POST", "/projects", body)

    async def begin(self, project: Json, **wanted: Any) -> Json:
        """Queue a deployment."""
        return await self.ask("POST", "/deployments", {"project_id": project["id"], **wanted})

    async def deploy_again(self, deployment: Json) -> Json:
        """Queue another deployment of the same project."""
        return await self.ask("POST", "/deployments", {"project_id": deployment["project_id"]})

    async def outcome(self, deployment: Json, *, patience: float = PATIENCE) -> Json:
        """Return a deployment as soon as it runs or is over."""
        with fail_after(patience):
            while deployment["status"] in _UNDER_WAY:
                deployment = await self.ask("GET", f"/deployments/{deployment['id']}?wait=20")
        return deployment

    async def deploy(self, project: Json, *, patience: float = PATIENCE, **wanted: Any) -> Json:
        """Deploy, and return what runs."""
        deployment = await self.outcome(await self.begin(project, **wanted), patience=patience)
        assert "running" == deployment["status"], deployment["error"]
        return deployment

    async def roll_back(self, deployment: Json) -> Json:
        """Roll back to *deployment*, and return what runs."""
        queued = await self.ask("POST", f"/deployments/{deployment['id']}/rollback")
        rolled_back = await self.outcome(queued)
        assert "running" == rolled_back["status"], rolled_back["error"]
        return rolled_back

    async def until(self, deployment: Json, is_so: Callable[[Json], bool]) -> Json:
        """Return a deployment once *is_so* is true of it."""
        with fail_after(PATIENCE):
            while not is_so(seen := await self.ask("GET", f"/deployments/{deployment['id']}")):
                await sleep(0.1)
        return seen

    async def timeline(self, deployment: Json) -> list[Json]:
        """Return the steps of a deployment."""
        return list((await self.ask("GET", f"/deployments/{deployment['id']}/events"))["data"])

    async def until_caused(self, deployment: Json, cause: str) -> list[Json]:
        """Return the steps of a deployment once *cause* is that of the last one."""
        with fail_after(PATIENCE):
            while cause != (timeline := await self.timeline(deployment))[-1]["cause"]:
                await sleep(0.1)
        return timeline

    async def log(self, deployment: Json, *, after: int = 0) -> list[Json]:
        """Return the lines of a log."""
        return list((await self.ask("GET", f"/logs/{deployment['id']}?after={after}"))["data"])

    async def until_logged(self, deployment: Json, message: str) -> list[Json]:
        """Return the log once it has *message* as a line."""
        with fail_after(PATIENCE):
            while message not in messages(lines := await self.log(deployment)):
                await sleep(0.1)
        return lines

    @asynccontextmanager
    async def watching(self, deployment: Json, *, after: int = 0) -> AsyncIterator["Watch"]:
        """Watch a log as it grows."""
        path = f"/logs/{deployment['id']}/stream?token={self.token}&after={after}"
        async with connect(self._base("ws") + path, proxy=None) as socket:
            yield Watch(socket)

    async def visit(self, url: str, path: str = "/") -> httpx.Response:
        """Ask the router for what is at *url*, as a browser of this host would."""
        headers = {"Host": httpx.URL(url).netloc.decode()}
        address = f"http://127.0.0.1:{self.served.router_port}{path}"
        return await self._web.get(address, headers=headers)

    async def deliver(self, webhook: Json, delivery: Delivery) -> Json:
        """Send what a forge sends to the address that it was given, through the router."""
        url = httpx.URL(webhook["url"])
        headers = delivery.headers(webhook["secret"]) | {"Host": url.netloc.decode()}
        address = f"http://127.0.0.1:{self.served.router_port}{url.path}"
        answer = await self._web.post(address, content=delivery.body, headers=headers)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def send_form(self, url: str, path: str, fields: dict[str, str]) -> httpx.Response:
        """Send a form of the page at *url*, with the origin that a browser would name."""
        headers = {"Host": httpx.URL(url).netloc.decode(), "Origin": url, "Accept": "text/html"}
        address = f"http://127.0.0.1:{self.served.router_port}{path}"
        return await self._web.post(address, headers=headers, data=fields)

    @asynccontextmanager
    async def connected(self, project: Json, path: str) -> AsyncIterator[ClientConnection]:
        """Open a WebSocket to an application, through the router."""
        url = project["url"].replace("http://", "ws://", 1) + path
        port = self.served.router_port
        # Not every application answers pings, and a busy machine answers late.
        patient = connect(url, host="127.0.0.1", port=port, proxy=None, ping_interval=None)
        async with patient as socket:
            yield socket

    async def read(self, project: Json, path: str = "/") -> str:
        """Return what an application says."""
        response = await self.visit(project["url"], path)
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        return response.text

    def _base(self, scheme: str) -> str:
        ports = [self.served.port, *self.served.others]
        return f"{scheme}://127.0.0.1:{ports[next(self._turns) % len(ports)]}/api/v1"


@frozen
class Watch:
    """The WebSocket of a log."""

    _socket: ClientConnection

    async def line(self) -> Json:
        """Return the next line."""
        with fail_after(PATIENCE):
            return dict(json.loads(await self._socket.recv()))

    async def until(self, message: str) -> list[Json]:
        """Return the next lines up to the one that says *message*."""
        seen = [await self.line()]
        while message != seen[-1]["message"]:
            seen.append(await self.line())
        return seen

    async def lines(self) -> list[Json]:
        """Return all lines until it is closed."""
        with fail_after(PATIENCE):
            return [json.loads(message) async for message in self._socket]

    @property
    def close_code(self) -> int | None:
        """Return the code with which it was closed."""
        return self._socket.close_code


def messages(lines: list[Json]) -> list[str]:
    """Return what the lines of a log say."""
    return [line["message"] for line in lines]


def numbers(lines: list[Json]) -> list[int]:
    """Return the places of the lines in their log."""
    return [line["seq"] for line in lines]
