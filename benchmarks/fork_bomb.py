"""
How long does the API take to respond while an application in a container forks endlessly?

Each process of the application forks in a loop, and keeps trying after the container has reached
its maximum of 256 processes. The application has a limit of one processor, and no health check, so
it is not restarted. Meanwhile, its owner reads a page of deployments. The baseline is the same
server without the application.

Why they differ: the application competes with the server for the processors.
"""

from collections.abc import Sequence
from itertools import count
from statistics import quantiles
from time import perf_counter

from anyio import fail_after, sleep
from attrs import define, field
from benchmarks.deployments import open_person
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, alternate
from tests.acceptance.tools.apps import program, repository_of
from tests.acceptance.tools.people import PATIENCE, Json, Person, messages

_BOMB = """\
import os
import time

print("forking", flush=True)
end = time.monotonic() + 120
while time.monotonic() < end:
    try:
        os.fork()
    except OSError:
        pass
"""
"""Forks for two minutes at most, so that it does not survive a killed benchmark."""
_SETTINGS = {"health_check": "none", "cpu_limit": 1}
_REQUESTS = 200
_PAUSE = 0.01
"""Seconds between a response and the next request."""


@define
class _Server:
    """A server with a user, who deploys a fork bomb in each round."""

    person: Person
    requests: int
    _numbers: "count[int]" = field(factory=count, init=False)

    async def with_bomb(self) -> Figures:
        """Measure while a fork bomb runs, then delete it."""
        name = f"bomb-{next(self._numbers)}"
        repository = repository_of(self.person.served_instance.repositories / name, program(_BOMB))
        project = await self.person.project(repository.path, name, **_SETTINGS)
        await self._wait_until_forking(await self.person.deploy(project))
        figures = await self.without_bomb()
        await self.person.ask("DELETE", f"/projects/{project['id']}")
        return figures

    async def without_bomb(self) -> Figures:
        """Measure the latency of requests."""
        times = []
        with fail_after(PATIENCE):
            for _ in range(self.requests):
                begun = perf_counter()
                await self.person.ask("GET", "/deployments?limit=20")
                times.append(1000 * (perf_counter() - begun))
                await sleep(_PAUSE)
        return {"p95": quantiles(times, n=20, method="inclusive")[18], "max": max(times)}

    async def _wait_until_forking(self, deployment: Json) -> None:
        with fail_after(PATIENCE):
            while "forking" not in messages(await self.person.log(deployment)):
                await sleep(0.1)


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Measure in turn with and without a fork bomb."""
    async with open_person("docker") as ann:
        server = _Server(ann, run_options.amount(_REQUESTS, 20))
        turns = {OURS: server.with_bomb, "no fork bomb": server.without_bomb}
        samples = await alternate(turns, run_options.rounds_of(3))
    return [
        Comparison.of(
            samples, figure, what=f"a page of deployments, {figure}", unit="ms", goal=goal
        )
        for figure, goal in (("p95", Goal(ratio=5)), ("max", None))
    ]
