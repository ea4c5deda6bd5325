"""Users who deploy many small applications and visit them during the faults."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count, cycle
from random import Random
from typing import Any, Self
from uuid import uuid4

import httpx
from anyio import create_task_group, move_on_after, sleep, to_thread
from attrs import define, field, frozen
from tests.acceptance.tools.apps import program, repository_of, server
from tests.faults.harness.cluster import Cluster

from pushpaka_core.testing.repositories import Repository

Json = dict[str, Any]

_PROJECTS = 12
"""
The maximum number of projects.

With fewer projects, runs would reach the API's limit of deployments per project and minute.
"""
_VERSIONS = 4
"""The minimum number of deployments per project. Short runs have fewer projects instead."""
_USERS = 4
_BROKEN = 0.1
"""The fraction of versions that crash at every visit."""
_BURST = 0.25
"""The fraction of deployments that are followed by the next one without a pause."""
_PATIENCE = 120
_TRY_AGAIN = frozenset({httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS})
_UNDER_WAY = frozenset({"queued", "building", "deploying"})
SERVING = frozenset({"running", "crashed"})
_CRASHES = """\
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers["User-Agent"] != "Pushpaka-Probe":
            os._exit(1)
        self.send_response(204)
        self.end_headers()

ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


@define
class Ledger:
    """Counts the requests of a run, and records accepted deployments and wrong responses."""

    wanted: int
    requested: int = field(default=0, init=False)
    accepted: dict[str, str] = field(factory=dict, init=False)
    """The versions of the deployments that an API has accepted, by deployment id."""
    broken: set[str] = field(factory=set, init=False)
    """The deployments that crash at every visit and must be rolled back."""
    refused: int = field(default=0, init=False)
    """The number of responses with status 429 or 503."""
    unanswered: int = field(default=0, init=False)
    unexpected: list[str] = field(factory=list, init=False)
    """Descriptions of responses that an API must never send."""
    visits: int = field(default=0, init=False)
    failed_visits: list[str] = field(factory=list, init=False)

    def claim_deployment(self) -> bool:
        """Return True, and count a deployment, if fewer than `wanted` have been requested."""
        if self.requested == self.wanted:
            return False
        self.requested += 1
        return True


class NoResponseError(Exception):
    """No API has responded to a request after all retries."""


@frozen
class Client:
    """Sends requests to the APIs in turn, and retries each until it succeeds."""

    _token: str = field(repr=False)
    _bases: Sequence[str]
    _ledger: Ledger
    _http: httpx.AsyncClient
    _turns: "count[int]" = field(factory=count, init=False)

    async def ask(self, method: str, path: str, body: object = None, key: str = "") -> Json:
        """Return the first successful response.

        Raises: NoResponseError: If there is none within two minutes.
        """
        headers = {"Authorization": f"Bearer {self._token}"}
        if key:
            headers["Idempotency-Key"] = key
        with move_on_after(_PATIENCE):
            while (answer := await self._try(method, path, body, headers)) is None:
                await sleep(0.2)
            return answer
        self._ledger.unexpected.append(f"{method} {path}: no success within {_PATIENCE} s")
        raise NoResponseError(self._ledger.unexpected[-2:])

    async def _try(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> Json | None:
        base = self._bases[next(self._turns) % len(self._bases)]
        try:
            answer = await self._http.request(method, base + path, json=body, headers=headers)
        except httpx.TransportError:
            self._ledger.unanswered += 1
            return None
        if answer.is_success:
            return dict(answer.json())
        if answer.status_code in _TRY_AGAIN:
            self._ledger.refused += 1
            await sleep(min(float(answer.headers.get("Retry-After", 1)), 2))
        else:
            self._ledger.unexpected.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return None


@define
class Owner:
    """The owner of one application, who deploys one version after another."""

    name: str
    project: Json
    is_served: bool = field(default=False, init=False)
    newest: str = field(default="", init=False)
    """The id of this owner's deployment that was accepted last."""
    _may_fail: bool = field(default=False, init=False)
    """Whether visits may reach a broken version, and fail."""
    _has_settled: bool = field(default=True, init=False)
    """Whether the newest deployment is final or active."""
    _client: Client
    _repository: Repository
    _ledger: Ledger
    _random: Random

    async def deploy(self) -> None:
        """Deploy versions until the ledger has enough of them, or the APIs stop responding."""
        with suppress(NoResponseError):
            for number in count(1):
                if not self._ledger.claim_deployment():
                    return
                # A rollback needs a previous version that runs, so broken ones wait for it.
                may_break = self.is_served and self._has_settled
                await self._deploy(number, is_broken=may_break and self._random.random() < _BROKEN)

    def is_correct(self, answer: str) -> bool:
        """Return True if *answer* is correct. While a broken version may respond, any answer is."""
        is_good = answer.startswith(f"{self.name} ")
        if is_good and self._has_settled:
            self._may_fail = False
        return is_good or self._may_fail

    async def _deploy(self, number: int, *, is_broken: bool) -> None:
        version = f"{self.name} v{number}"
        files = program(_CRASHES) if is_broken else files_of(version)
        await to_thread.run_sync(self._repository.replace, version, files)
        self._has_settled = False
        self._may_fail |= is_broken
        body = {"project_id": self.project["id"]}
        begun = await self._client.ask("POST", "/deployments", body, key=uuid4().hex)
        self.newest = begun["id"]
        self._ledger.accepted[self.newest] = version
        if is_broken:
            self._ledger.broken.add(self.newest)
        if is_broken or self._random.random() >= _BURST:
            await self._wait_until_settled(begun, _UNDER_WAY | SERVING if is_broken else _UNDER_WAY)

    async def _wait_until_settled(self, deployment: Json, active_statuses: frozenset[str]) -> None:
        with move_on_after(_PATIENCE):
            while deployment["status"] in active_statuses:
                path = f"/deployments/{deployment['id']}?wait=5"
                deployment = await self._client.ask("GET", path)
                if deployment["status"] in SERVING & active_statuses:
                    await sleep(0.5)
            self._has_settled = True
        self.is_served = self.is_served or deployment["status"] == "running"


@frozen
class Users:
    """All users of the cluster, with their applications."""

    owners: Sequence[Owner]
    ledger: Ledger
    _cluster: Cluster
    _http: httpx.AsyncClient

    @classmethod
    @asynccontextmanager
    async def sign_up(cls, cluster: Cluster, ledger: Ledger, random: Random) -> AsyncIterator[Self]:
        """Sign up users, and create their projects with repositories."""
        bases = [f"http://127.0.0.1:{port}/api/v1" for port in cluster.ports]
        tokens = [await cluster.served_instance.sign_up(f"p{n}@example.org") for n in range(_USERS)]
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            clients = [Client(token, bases, ledger, http) for token in tokens]
            owners = []
            projects = range(min(_PROJECTS, max(1, ledger.wanted // _VERSIONS)))
            for number, client in zip(projects, cycle(clients)):
                name = f"app-{number}"
                path = cluster.served_instance.repositories / name
                made = await to_thread.run_sync(repository_of, path, files_of(name))
                body = {"name": name, "repo_url": str(made.path)}
                project = await client.ask("POST", "/projects", body)
                owners.append(Owner(name, project, client, made, ledger, random))
            yield cls(owners, ledger, cluster, http)

    async def deploy(self) -> None:
        """Let all owners deploy until the planned number of deployments is requested."""
        async with create_task_group() as tasks:
            for owner in self.owners:
                tasks.start_soon(owner.deploy)

    @asynccontextmanager
    async def visit(self) -> AsyncIterator[None]:
        """Visit each active application about twice a second until the block ends."""
        async with create_task_group() as tasks:
            for owner in self.owners:
                tasks.start_soon(self._visit, owner)
            yield
            tasks.cancel_scope.cancel()

    async def pace(self, minimum: int, timeout: float) -> None:
        """Wait until *minimum* deployments are accepted, but no longer than *timeout* seconds."""
        with move_on_after(timeout):
            while len(self.ledger.accepted) < minimum:
                await sleep(0.05)

    async def read(self, owner: Owner) -> str:
        """Request the application of *owner*, and return the response or the error as text."""
        host = httpx.URL(owner.project["url"]).netloc.decode()
        url = f"http://127.0.0.1:{self._cluster.served_instance.router_port}/"
        try:
            answer = await self._http.get(url, headers={"Host": host})
        except httpx.TransportError as error:
            return repr(error)
        return answer.text if answer.is_success else f"{answer.status_code} {answer.text}"

    async def _visit(self, owner: Owner) -> None:
        while True:
            if owner.is_served:
                answer = await self.read(owner)
                self.ledger.visits += 1
                if not owner.is_correct(answer):
                    self.ledger.failed_visits.append(f"{owner.name}: {answer[:200]}")
            await sleep(0.5)


def files_of(version: str) -> dict[str, str]:
    """Return the files of an application that serves *version*: a program, or a static page."""
    is_program = int(version.partition(" ")[0].rpartition("-")[2]) % 2
    return server(version) if is_program else {"index.html": version}
