"""Many deployments in a row leave what retention says that they leave, and nothing else."""

import os
from collections.abc import AsyncIterator

import psutil
import pytest
from anyio import create_task_group, to_thread
from attrs import frozen
from tests.acceptance.apps import repository_of
from tests.acceptance.people import OWN_ADDRESSES, Json, Person
from tests.faults.served.holdings import everything_of, known_of, until_tidy
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

DEPTH = int(os.environ.get("PUSHPAKA_TEST_DEPTH", "0"))
PROJECTS = 20 if DEPTH else 4
ROUNDS = 10 if DEPTH else 9
"""Of each project; the API lets nobody deploy the same one more than ten times a minute."""
WARM = 3
KEPT = 2
TOLERANCE = 1.05


@pytest.fixture
async def instance() -> AsyncIterator[Served]:
    settings = {"PUSHPAKA_RELEASES_KEPT": str(KEPT), "PUSHPAKA_TEST_TIMING": "fast"}
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
            directories=sum(len(names) for _, names, _ in os.walk(served.data_directory)),
        )

    def is_within(self, before: "Level") -> bool:
        """Tell whether nothing has grown beyond the tolerance."""
        return all(
            now <= then * TOLERANCE + slack
            for now, then, slack in (
                # Connections of clients and threads of pools come and go.
                (self.descriptors, before.descriptors, 6),
                (self.threads, before.threads, 6),
                (self.processes, before.processes, 0),
                (self.ports, before.ports, 0),
                (self.directories, before.directories, 4),
            )
        )


@pytest.mark.timeout(1200 if DEPTH else 180)
async def test_many_deployments_in_a_row_leave_everything_at_its_level(
    instance: Served, ann: Person
) -> None:
    """Descriptors, threads, processes, ports and directories are those of the first few."""
    site = repository_of(instance.repositories / "site", {"index.html": "<h1>v1</h1>\n"})
    projects = [await ann.project(site.path, f"site-{n}") for n in range(PROJECTS)]

    await deploy_all(ann, projects, rounds=WARM)
    await until_tidy(instance)
    before = await to_thread.run_sync(Level.of, instance)
    await deploy_all(ann, projects, rounds=ROUNDS - WARM)
    await until_tidy(instance)
    after = await to_thread.run_sync(Level.of, instance)

    known = await known_of(instance)
    assert PROJECTS * KEPT == len(known.artifacts)
    assert PROJECTS == len(known.serving) == len(known.instances)
    assert after.is_within(before), f"{before} -> {after}"
    print(f"{PROJECTS * ROUNDS} deployments: {before} -> {after}")  # noqa: T201


async def deploy_all(ann: Person, projects: list[Json], *, rounds: int) -> None:
    """Deploy every project so many times, two projects at a time."""
    async with create_task_group() as tasks:
        for half in (projects[::2], projects[1::2]):
            tasks.start_soon(_deploy_in_turn, ann, half, rounds)


async def _deploy_in_turn(ann: Person, projects: list[Json], rounds: int) -> None:
    for _ in range(rounds):
        for project in projects:
            deployment = await ann.deploy(project)
            assert "running" == deployment["status"]
