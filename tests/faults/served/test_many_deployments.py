"""Many deployments in a row leave what retention says that they leave, and nothing else."""

import os
from collections.abc import AsyncIterator

import psutil
import pytest
from anyio import create_task_group, sleep, to_thread
from attrs import asdict, frozen
from tests.acceptance.apps import repository_of
from tests.acceptance.people import OWN_ADDRESSES, Json, Person
from tests.faults.served.holdings import everything_of, known_of, until_tidy
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

PROJECTS = 20
ROUNDS = 10
"""Of each project; the API lets nobody deploy the same one more than ten times a minute."""
WARM = 3
KEPT = 2
AT_A_TIME = 4
LOOKS = 15
"""A second apart: threads that have had nothing to do for ten seconds end."""
TOLERANCE = 1.05
"""Of descriptors and threads; the rest is counted exactly."""


@pytest.fixture
async def instance() -> AsyncIterator[Served]:
    """Return an instance with its usual clockwork: a fast one would cost more than it saves."""
    settings = {"PUSHPAKA_RELEASES_KEPT": str(KEPT), "PUSHPAKA_CONCURRENCY": str(AT_A_TIME)}
    async with open_served(**OWN_ADDRESSES, **settings) as served:
        yield await served.start()


@frozen(kw_only=True)
class Level:
    """How much an instance holds of what could leak."""

    descriptors: int
    threads: int
    processes: int
    ports: int
    directories: int
    """In its data directory, in its home, and where it has all that is temporary."""

    @classmethod
    def of(cls, served: Served) -> "Level":
        """Measure it."""
        serve = psutil.Process(served.pid)
        processes = everything_of(served)
        pids = {process.pid for process in processes}
        connections = psutil.net_connections("tcp")
        return cls(
            descriptors=serve.num_fds(),
            threads=serve.num_threads(),
            processes=len(processes),
            ports=len([c for c in connections if c.pid in pids and c.status == "LISTEN"]),
            directories=sum(len(names) for _, names, _ in os.walk(served.directory)),
        )

    def is_within(self, before: "Level") -> bool:
        """Tell whether nothing has grown beyond the tolerance."""
        return (
            self.descriptors <= before.descriptors * TOLERANCE
            and self.threads <= before.threads * TOLERANCE
            and self.processes <= before.processes
            and self.ports <= before.ports
            and self.directories <= before.directories
        )


@pytest.mark.timeout(900)
async def test_many_deployments_in_a_row_leave_everything_at_its_level(
    instance: Served, ann: Person
) -> None:
    """Descriptors, threads, processes, ports and directories are those of the first few."""
    site = repository_of(instance.repositories / "site", {"index.html": "<h1>v1</h1>\n"})
    projects = [await ann.project(site.path, f"site-{n}") for n in range(PROJECTS)]

    await deploy_all(ann, projects, rounds=WARM)
    before = await at_rest(instance)
    await deploy_all(ann, projects, rounds=ROUNDS - WARM)
    after = await at_rest(instance)

    known = await known_of(instance)
    assert PROJECTS * KEPT == len(known.artifacts)
    assert PROJECTS == len(known.serving) == len(known.instances)
    assert after.is_within(before), f"{before} -> {after}"


async def at_rest(served: Served) -> Level:
    """Return the lowest level of some, since what comes and goes has not leaked."""
    await until_tidy(served)
    levels = []
    for _ in range(LOOKS):
        levels.append(asdict(await to_thread.run_sync(Level.of, served)))
        await sleep(1)
    return Level(**{name: min(level[name] for level in levels) for name in levels[0]})


async def deploy_all(ann: Person, projects: list[Json], *, rounds: int) -> None:
    """Deploy every project so many times, some projects at a time."""
    async with create_task_group() as tasks:
        for first in range(AT_A_TIME):
            tasks.start_soon(_deploy_in_turn, ann, projects[first::AT_A_TIME], rounds)


async def _deploy_in_turn(ann: Person, projects: list[Json], rounds: int) -> None:
    for _ in range(rounds):
        for project in projects:
            deployment = await ann.deploy(project)
            assert "running" == deployment["status"]
