"""Deploys misbehaving apps to projects whose working release is under constant load."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Any, Self

from anyio import create_memory_object_stream, create_task_group, fail_after, sleep
from anyio.streams.memory import MemoryObjectReceiveStream
from attrs import define, frozen
from benchmarks.load import Load, Request
from tests.acceptance.tools.apps import program, repository_of
from tests.acceptance.tools.connections import LONG_LIVED
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.misbehaving.apps import App, Fate

from pushpaka_core.testing.repositories import Repository

SETTINGS: Mapping[str, Any] = {
    "health_check": "http",
    "health_check_path": None,
    "health_check_timeout": 5,
    "memory_limit": None,
    "rollback_window": 30,
}
"""The project settings for all apps, unless an app has its own."""
_VERSION = "v1"
_TAKES_OVER = "The health check passed"
_AFTERWARDS = "afterwards"
_MORE = 20
"""The number of requests that must succeed after a deployment has failed."""
_SHOPS = 6
"""The number of projects, in each of which one app at a time is deployed."""
_PAUSE = 0.1
"""Seconds between two requests of a visitor, so that the processors have time for the apps."""


@frozen(kw_only=True)
class Outcome:
    """The outcome of deploying an app, and all requests to the project meanwhile."""

    app: App
    deployment: Json
    project: Json
    requests: Sequence[Request]
    switched_at: float
    """When the app passed its health check, on the clock of the requests, or infinity."""
    working: Json
    """The deployment of the working release."""

    @property
    def was_routed(self) -> bool:
        """Return True if the app passed its health check and received traffic."""
        return self.switched_at < inf

    @property
    def requests_to_working(self) -> Sequence[Request]:
        """The requests that only the working release can have received."""
        return [
            request
            for request in self.requests
            if request.ended < self.switched_at or request.stage == _AFTERWARDS
        ]


async def replace_all(ann: Person, apps: Mapping[str, App]) -> Mapping[str, Outcome]:
    """Deploy each app over a working release under load, several at the same time."""
    outcomes: dict[str, Outcome] = {}
    waiting, queue = create_memory_object_stream[tuple[str, App]](inf)
    for item in apps.items():
        waiting.send_nowait(item)
    waiting.close()

    async def work(name: str, queue: MemoryObjectReceiveStream[tuple[str, App]]) -> None:
        async with queue:
            shop = await _Shop.open(ann, name)
            async for app_name, app in queue:
                outcomes[app_name] = await shop.replace(app)

    async with create_task_group() as tasks, queue:
        for number in range(_SHOPS):
            tasks.start_soon(work, f"shop-{number}", queue.clone())
    return outcomes


@define(kw_only=True)
class _Shop:
    """A project with a working release."""

    ann: Person
    repository: Repository
    project: Json
    working: Json

    @classmethod
    async def open(cls, ann: Person, name: str) -> Self:
        """Create a project, and deploy the working release."""
        repository = repository_of(ann.served_instance.repositories / name, program(LONG_LIVED))
        project = await ann.project(repository.path, name)
        return cls(
            ann=ann, repository=repository, project=project, working=await ann.deploy(project)
        )

    async def replace(self, app: App) -> Outcome:
        """Deploy *app* over the working release under load, and return the outcome."""
        await self._restore()
        await self.ann.ask("PATCH", f"/projects/{self.project['id']}", {**SETTINGS, **app.settings})
        self.repository.replace("Misbehave", app.files)
        async with Load.on(self.ann, self.project, readers=1, pause=_PAUSE) as load:
            deployment = await self.ann.outcome(await self.ann.begin(self.project))
            if app.fate is Fate.IS_TAKEN_BACK:
                deployment = await self._wait_for_rollback(deployment)
            load.stage = _AFTERWARDS
            if deployment["status"] == "failed":
                await load.wait_for_responses(_MORE)
        timeline = await self.ann.timeline(deployment)
        return Outcome(
            app=app,
            deployment=deployment,
            project=await self.ann.ask("GET", f"/projects/{self.project['id']}"),
            requests=load.requests,
            switched_at=_time_of_switch(timeline, load),
            working=self.working,
        )

    async def _restore(self) -> None:
        """Roll back to the working release if a bug left another app active."""
        project = await self.ann.ask("GET", f"/projects/{self.project['id']}")
        if project["current_deployment_id"] != self.working["id"]:
            self.working = await self.ann.roll_back(self.working)

    async def _wait_for_rollback(self, deployment: Json) -> Json:
        """Return the deployment once the working release responds again, or after a timeout."""
        with fail_after(3 * PATIENCE):
            while deployment["status"] != "failed" or not await self._responds():
                await sleep(0.1)
                deployment = await self.ann.ask("GET", f"/deployments/{deployment['id']}")
        return deployment

    async def _responds(self) -> bool:
        answer = await self.ann.visit(self.project["url"])
        return bool(answer.headers.get("X-Version") == _VERSION)


def _time_of_switch(timeline: Sequence[Json], load: Load) -> float:
    """Return when the health check passed, on the clock of the requests, or infinity."""
    moments = (
        datetime.fromisoformat(event["created_at"])
        for event in timeline
        if event["cause"] == _TAKES_OVER
    )
    return min(map(load.time_of, moments), default=inf)
