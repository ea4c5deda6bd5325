"""People who deploy many small applications, and visit them, whatever goes wrong meanwhile."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import count, cycle
from pathlib import Path
from random import Random
from typing import Any, Self
from uuid import uuid4

import httpx
from anyio import create_task_group, move_on_after, sleep, to_thread
from attrs import define, field, frozen
from tests.acceptance.apps import repository_of, server
from tests.faults.harness.world import World

from pushpaka_core.testing.repositories import Repository

Json = dict[str, Any]

PROJECTS = 16
"""The API lets nobody deploy the same one more than ten times a minute."""
_PEOPLE = 4
_BURST = 0.25
"""How often somebody does not wait for what they have asked for."""
_PATIENCE = 90
_COMES_AGAIN = frozenset({httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS})
_UNDER_WAY = frozenset({"queued", "building", "deploying"})


@define
class Ledger:
    """What was asked for and answered."""

    wanted: int
    begun: int = field(default=0, init=False)
    accepted: dict[str, str] = field(factory=dict, init=False)
    """The deployments that an API has promised, each with the version that it serves."""
    refused: int = field(default=0, init=False)
    """Answers that told people to come again."""
    unanswered: int = field(default=0, init=False)
    strange: list[str] = field(factory=list, init=False)
    """Answers that there should never be."""
    visits: int = field(default=0, init=False)
    missed: list[str] = field(factory=list, init=False)
    """Visits that an application did not answer."""

    def takes_another(self) -> bool:
        """Tell whether another deployment is wanted, and count it."""
        if self.begun == self.wanted:
            return False
        self.begun += 1
        return True


class NoAnswerError(Exception):
    """No API does what somebody asks for, however often."""


@frozen
class Asker:
    """Somebody who asks the APIs in turn, and again until one answers."""

    _token: str = field(repr=False)
    _bases: Sequence[str]
    _ledger: Ledger
    _http: httpx.AsyncClient
    _turns: "count[int]" = field(factory=count, init=False)

    async def ask(self, method: str, path: str, body: object = None, key: str = "") -> Json:
        """
        Return what an API answers in the end.

        Raises:
            NoAnswerError: If there is none for so long that something must be wrong.
        """
        headers = {"Authorization": f"Bearer {self._token}"}
        if key:
            headers["Idempotency-Key"] = key
        with move_on_after(_PATIENCE):
            while (answer := await self._try(method, path, body, headers)) is None:
                await sleep(0.2)
            return answer
        self._ledger.strange.append(f"{method} {path}: no good answer for {_PATIENCE} s")
        raise NoAnswerError(self._ledger.strange[-2:])

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
        if answer.status_code in _COMES_AGAIN:
            self._ledger.refused += 1
            await sleep(min(float(answer.headers.get("Retry-After", 1)), 2))
        else:
            self._ledger.strange.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return None


@define
class Owner:
    """Somebody with one application, of which there is always a newer version."""

    name: str
    project: Json
    is_served: bool = field(default=False, init=False)
    version: str = field(default="", init=False)
    newest: str = field(default="", init=False)
    """The deployment that was accepted last."""
    _asker: Asker
    _repository: Repository
    _ledger: Ledger
    _random: Random

    async def deploy(self) -> None:
        """Deploy one version after the other, until there are enough, or no good answer comes."""
        with suppress(NoAnswerError):
            await self._deploy_on()

    async def _deploy_on(self) -> None:
        for number in count(1):
            if not self._ledger.takes_another():
                return
            self.version = f"{self.name} v{number}"
            await to_thread.run_sync(self._repository.commit, self.version, files(self.version))
            await self._deploy_once()

    async def _deploy_once(self) -> None:
        begun = await self._asker.ask(
            "POST", "/deployments", {"project_id": self.project["id"]}, key=uuid4().hex
        )
        self.newest = begun["id"]
        self._ledger.accepted[self.newest] = self.version
        if self._random.random() >= _BURST:
            await self._until_over(begun)

    async def _until_over(self, deployment: Json) -> None:
        with move_on_after(_PATIENCE):
            while deployment["status"] in _UNDER_WAY:
                path = f"/deployments/{deployment['id']}?wait=5"
                deployment = await self._asker.ask("GET", path)
        self.is_served = self.is_served or deployment["status"] == "running"


@frozen
class Crowd:
    """All who use the instance."""

    owners: Sequence[Owner]
    ledger: Ledger
    _world: World
    _random: Random
    _http: httpx.AsyncClient

    @classmethod
    async def gather(
        cls, world: World, http: httpx.AsyncClient, ledger: Ledger, random: Random
    ) -> Self:
        """Have people sign up, and make a project for each application."""
        bases = [f"http://127.0.0.1:{port}/api/v1" for port in world.ports]
        tokens = [await world.served.sign_up(f"p{n}@example.org") for n in range(_PEOPLE)]
        askers = [Asker(token, bases, ledger, http) for token in tokens]
        owners = []
        for number, asker in zip(range(min(PROJECTS, ledger.wanted)), cycle(askers)):
            name = f"app-{number}"
            made = await to_thread.run_sync(repository_of, _path(world, name), files(name))
            body = {"name": name, "repo_url": str(made.path)}
            project = await asker.ask("POST", "/projects", body)
            owners.append(Owner(name, project, asker, made, ledger, random))
        return cls(owners, ledger, world, random, http)

    async def deploy(self) -> None:
        """Deploy all that is wanted, with visitors all the time."""
        async with create_task_group() as visitors:
            visitors.start_soon(self._visit)
            async with create_task_group() as owners:
                for owner in self.owners:
                    owners.start_soon(owner.deploy)
            visitors.cancel_scope.cancel()

    async def pace(self, accepted: int, patience: float) -> None:
        """Return when so many deployments are accepted, or after so many seconds."""
        with move_on_after(patience):
            while len(self.ledger.accepted) < accepted:
                await sleep(0.05)

    async def read(self, owner: Owner) -> str:
        """Return what an application says, as it was deployed or not."""
        host = httpx.URL(owner.project["url"]).netloc.decode()
        url = f"http://127.0.0.1:{self._world.served.router_port}/"
        try:
            answer = await self._http.get(url, headers={"Host": host})
        except httpx.TransportError as error:
            return repr(error)
        return answer.text if answer.is_success else f"{answer.status_code} {answer.text}"

    async def _visit(self) -> None:
        while True:
            for owner in [owner for owner in self.owners if owner.is_served]:
                said = await self.read(owner)
                self.ledger.visits += 1
                if not said.startswith(f"{owner.name} "):
                    self.ledger.missed.append(f"{owner.name}: {said[:200]}")
                await sleep(0.05)
            await sleep(0.05)


def files(version: str) -> dict[str, str]:
    """Return the files of an application that says *version*: a program, or only a page."""
    is_program = int(version.partition(" ")[0].rpartition("-")[2]) % 2
    return server(version) if is_program else {"index.html": version}


def _path(world: World, name: str) -> Path:
    return world.served.repositories / name
