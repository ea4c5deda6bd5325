"""The resource usage of an instance, and deployments that reveal leaks."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Self

import psutil
from anyio import create_task_group, fail_after, sleep, to_thread
from attrs import AttrsInstance, asdict, frozen
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.faults.served.resources import all_processes
from tests.served_instance import ServedInstance

_UNCHANGED_LOOKS = 8
"""The number of measurements without a lower value after which the lowest values are final."""
_TOLERANCE = 1.05
"""The tolerated factor for descriptors. Processes, ports and directories must not grow at all."""
_POOL_THREADS = 10
"""The tolerated number of additional threads, because the size of thread pools varies."""


@frozen(kw_only=True)
class Level:
    """The usage of each resource of a served instance that could leak."""

    descriptors: int
    threads: int
    processes: int
    ports: int
    directories: int
    """The number of directories below the instance's directory, without those of Git objects."""

    @classmethod
    def of(cls, served_instance: ServedInstance) -> Self:
        """Measure the usage of an instance."""
        serve = psutil.Process(served_instance.pid)
        processes = all_processes(served_instance)
        pids = {process.pid for process in processes}
        connections = psutil.net_connections("tcp")
        return cls(
            descriptors=serve.num_fds(),
            threads=serve.num_threads(),
            processes=len(processes),
            ports=len([c for c in connections if c.pid in pids and c.status == "LISTEN"]),
            directories=sum(
                len(names)
                for place, names, _ in os.walk(served_instance.directory)
                # Each commit adds some directories of git's objects.
                if Path(place).name != "objects"
            ),
        )

    def is_within(self, baseline: "Level") -> bool:
        """Return True if no resource exceeds *baseline* by more than its tolerance."""
        return (
            self.descriptors <= baseline.descriptors * _TOLERANCE
            and self.threads <= baseline.threads + _POOL_THREADS
            and self.processes <= baseline.processes
            and self.ports <= baseline.ports
            and self.directories <= baseline.directories
        )


async def lowest_level(served_instance: ServedInstance) -> Level:
    """Return the lowest usage of an instance in repeated measurements, that is, at rest."""
    return Level(**await lowest_values(partial(Level.of, served_instance)))


async def wait_until_within(served_instance: ServedInstance, baseline: Level) -> None:
    """Wait until an instance is within *baseline*, or fail with both measurements."""
    level = await lowest_level(served_instance)
    try:
        with fail_after(PATIENCE):
            while not level.is_within(baseline):
                level = await lowest_level(served_instance)
    except TimeoutError:
        raise AssertionError(
            f"The instance uses more than at first: {level} instead of {baseline}."
        ) from None


async def lowest_values(measure: Callable[[], AttrsInstance]) -> Mapping[str, int]:
    """Measure repeatedly until no value gets lower, and return the lowest value of each number."""
    found: Mapping[str, int] = asdict(await to_thread.run_sync(measure))
    unchanged = 0
    while unchanged < _UNCHANGED_LOOKS:
        await sleep(0.5)
        seen = asdict(await to_thread.run_sync(measure))
        lower = {name: min(number, found[name]) for name, number in seen.items()}
        unchanged = unchanged + 1 if lower == found else 0
        found = lower
    return found


async def deploy_all(
    ann: Person, projects: list[Json], *, rounds: int, concurrency: int, timeout: float = PATIENCE
) -> None:
    """Deploy every project *rounds* times, with at most *concurrency* deployments at a time."""
    async with create_task_group() as tasks:
        for first in range(concurrency):
            tasks.start_soon(_deploy_in_turn, ann, projects[first::concurrency], rounds, timeout)


async def _deploy_in_turn(ann: Person, projects: list[Json], rounds: int, timeout: float) -> None:
    for _ in range(rounds):
        for project in projects:
            deployment = await ann.deploy(project, patience=timeout)
            assert "running" == deployment["status"]
