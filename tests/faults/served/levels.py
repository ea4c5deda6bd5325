"""How much an instance holds of what could leak, and the deployments that would let it."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Self

import psutil
from anyio import create_task_group, sleep, to_thread
from attrs import AttrsInstance, asdict, frozen
from tests.acceptance.people import PATIENCE, Json, Person
from tests.faults.served.holdings import everything_of
from tests.served import Served

LOOKS = 15
"""A second apart: threads that have had nothing to do for ten seconds end."""
TOLERANCE = 1.05
"""Of descriptors; processes, ports and directories are counted exactly."""
BREATH = 10
"""Threads by which the pools of a process grow and shrink with what it does at once."""


@frozen(kw_only=True)
class Level:
    """How much an instance holds of what could leak."""

    descriptors: int
    threads: int
    processes: int
    ports: int
    directories: int
    """In its data directory, in its home, and where it has all that is temporary; but git's."""

    @classmethod
    def of(cls, served: Served) -> Self:
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
            directories=sum(
                len(names) for place, names, _ in os.walk(served.directory) if _is_ours(place)
            ),
        )

    def is_within(self, before: "Level") -> bool:
        """Tell whether nothing has grown as it would by a leak of one for each few deployments."""
        return (
            self.descriptors <= before.descriptors * TOLERANCE
            and self.threads <= before.threads + BREATH
            and self.processes <= before.processes
            and self.ports <= before.ports
            and self.directories <= before.directories
        )


def _is_ours(directory: str) -> bool:
    """Tell whether directories in this one are made by us: a commit more has git make some."""
    return Path(directory).name != "objects"


async def lowest_level(served: Served) -> Level:
    """Return the lowest level of some, since what comes and goes has not leaked."""
    return Level(**await lowest(partial(Level.of, served), looks=LOOKS))


async def lowest(measure: Callable[[], AttrsInstance], *, looks: int) -> Mapping[str, int]:
    """Return the least of each number that is measured so often, a second apart."""
    measured = []
    for _ in range(looks):
        measured.append(asdict(await to_thread.run_sync(measure)))
        await sleep(1)
    return {name: min(numbers[name] for numbers in measured) for name in measured[0]}


async def deploy_all(
    ann: Person, projects: list[Json], *, rounds: int, at_a_time: int, patience: float = PATIENCE
) -> None:
    """Deploy every project so many times, some projects at a time."""
    async with create_task_group() as tasks:
        for first in range(at_a_time):
            tasks.start_soon(_deploy_in_turn, ann, projects[first::at_a_time], rounds, patience)


async def _deploy_in_turn(ann: Person, projects: list[Json], rounds: int, patience: float) -> None:
    for _ in range(rounds):
        for project in projects:
            deployment = await ann.deploy(project, patience=patience)
            assert "running" == deployment["status"]
