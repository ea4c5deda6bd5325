"""What the demo does as a client: everything that it shows goes over the API."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import httpx
from attrs import frozen
from websockets.asyncio.client import connect

from pushpaka_core.errors import DuplicateError, UnavailableError
from pushpaka_http.base_path import BASE_PATH

_UNDER_WAY = {"queued", "building", "deploying"}


@frozen
class DemoClient:
    """Somebody who is signed in."""

    _http: httpx.AsyncClient
    _token: str

    async def project(self, name: str, repo_url: str) -> str:
        """Return the id of the project *name*, which is made where there is none."""
        projects = (await self._get("/projects"))["data"]
        known = next((project["id"] for project in projects if project["name"] == name), None)
        body = {"name": name, "repo_url": repo_url}
        return str(known or (await self._post("/projects", body))["id"])

    async def url(self, project_id: str) -> str:
        """Return where a project answers."""
        return str((await self._get(f"/projects/{project_id}"))["url"])

    async def deploy(self, project_id: str) -> str:
        """Begin a deployment and return its id."""
        return str((await self._post("/deployments", {"project_id": project_id}))["id"])

    async def outcome(self, deployment_id: str) -> Mapping[str, Any]:
        """Return a deployment once it runs or is over."""
        while True:
            deployment = await self._get(f"/deployments/{deployment_id}?wait=20")
            if deployment["status"] not in _UNDER_WAY:
                return deployment

    async def timeline(self, deployment_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the steps of a deployment."""
        steps: Sequence[Mapping[str, Any]]
        steps = (await self._get(f"/deployments/{deployment_id}/events"))["data"]
        return steps

    async def lines(self, deployment_id: str, *, after: int) -> Sequence[Mapping[str, Any]]:
        """Return what the log of a deployment says behind the line *after*."""
        lines: Sequence[Mapping[str, Any]]
        lines = (await self._get(f"/logs/{deployment_id}?after={after}"))["data"]
        return lines

    async def watch(self, deployment_id: str) -> AsyncIterator[Mapping[str, Any]]:
        """Yield the lines of a log as they come."""
        base = str(self._http.base_url).replace("http://", "ws://", 1).rstrip("/")
        address = f"{base}/logs/{deployment_id}/stream?token={self._token}"
        async with connect(address, proxy=None) as socket:
            async for message in socket:
                yield json.loads(message)

    async def _get(self, path: str) -> Mapping[str, Any]:
        return _checked(await self._http.get(path, headers=self._headers))

    async def _post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return _checked(await self._http.post(path, json=body, headers=self._headers))

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


async def register(port: int, email: str, password: str) -> None:
    """
    Make an account by the API on this host's *port*.

    Raises:
        DuplicateError: If there is one.
    """
    body = {"email": email, "name": "Demo", "password": password}
    async with _open_http(port) as http:
        answer = await http.post("/auth/register", json=body)
    if answer.status_code == HTTPStatus.CONFLICT:
        raise DuplicateError("e-mail address")
    _checked(answer)


@asynccontextmanager
async def signed_in(port: int, email: str, password: str) -> AsyncIterator[DemoClient]:
    """Sign in to the API on this host's *port*."""
    credentials = {"email": email, "password": password}
    async with _open_http(port) as http:
        answer = _checked(await http.post("/auth/login", json=credentials))
        yield DemoClient(http, answer["token"])


async def page(url: str, *, router_port: int) -> str:
    """Return what *url* shows, asking the router of this host for it."""
    host = url.removeprefix("http://")
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        response = await http.get(f"http://127.0.0.1:{router_port}/", headers={"Host": host})
    return response.text


def _open_http(port: int) -> httpx.AsyncClient:
    base = f"http://127.0.0.1:{port}{BASE_PATH}"
    return httpx.AsyncClient(base_url=base, timeout=30, trust_env=False)


def _checked(response: httpx.Response) -> Mapping[str, Any]:
    if response.is_error:
        asked = f"{response.request.method} {response.request.url.path}"
        raise UnavailableError(f"{asked} was answered {response.status_code}: {response.text}")
    answer: Mapping[str, Any] = response.json()
    return answer
