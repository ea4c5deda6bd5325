"""
How long do visitors wait while an application of which only one instance can run is replaced?

The same visitors send requests all the time. The hold of a deployment or rollback is the time of
the slowest quick request during it. "Its own start" is the time from the start of the program by
hand until it responds.

Why they differ: requests are held while the old instance finishes its requests and stops, and a new
instance has to pass two health checks one second apart. The router closes its idle connections
after a second, and only then is it certain that all requests were answered.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from pathlib import Path

import httpx
from anyio import create_task_group, current_time, open_process, sleep
from benchmarks.cutover import VersionedApplication
from benchmarks.load import Load
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison
from tests.acceptance.tools.apps import program, repository_of
from tests.acceptance.tools.connections import LONG_LIVED
from tests.acceptance.tools.people import OWN_ADDRESSES, Person
from tests.served_instance import free_port, open_served

_AT_REST = 100
"""Number of quick responses before the first deployment and after each change."""


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Deploy and roll back under load. Raise RuntimeError if a request fails."""
    times = run_options.amount(20, 1)
    async with (
        open_served(**OWN_ADDRESSES) as served,
        Person.sign_up(await served.start()) as ann,
    ):
        repository = repository_of(served.repositories / "shop", program(LONG_LIVED))
        starts = [await _start_by_hand(repository.path) for _ in range(times)]
        project = await ann.project(repository.path)
        volume = {"project_id": project["id"], "name": "data", "mount_path": "data"}
        await ann.ask("POST", "/volumes", volume)
        application = VersionedApplication(ann, project, repository, [await ann.deploy(project)])
        async with (
            create_task_group() as tasks,
            Load.on(ann, project, readers=run_options.readers) as load,
        ):
            await load.wait_for_responses(_AT_REST)
            deployments = [await _hold(load, application.deploy) for _ in range(times)]
            rollbacks = [await _hold(load, application.roll_back) for _ in range(times)]
            tasks.cancel_scope.cancel()
    if load.failures:
        raise RuntimeError(f"{load.failures}")
    return [
        Comparison(
            what=f"{what}: {kind} of the hold, {len(load.requests)} requests, none failed",
            unit="s",
            samples={OURS: ours, "its own start": hand},
        )
        for what, holds in (("deployments", deployments), ("rollbacks", rollbacks))
        for kind, ours, hand in (
            ("median", holds, starts),
            ("p95", [_p95(holds)], [_p95(starts)]),
        )
    ]


async def _hold(load: Load, change: Callable[[], Awaitable[None]]) -> float:
    """Return the seconds of the slowest quick request during *change*."""
    before = len(load.requests)
    await change()
    await load.wait_for_responses(_AT_REST)
    return max(each.lasted for each in load.requests[before:] if not each.is_slow)


async def _start_by_hand(directory: Path) -> float:
    """Return the seconds from the start of the program until it responds."""
    port, begun = free_port(), current_time()
    env = {**os.environ, "HOST": "127.0.0.1", "PORT": str(port)}
    command = [sys.executable, str(directory / "app.py")]
    async with (
        await open_process(command, env=env, stdout=None, stderr=None) as process,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        while not await _responds(http, port):
            await sleep(0.01)
        lasted = current_time() - begun
        process.kill()
    return lasted


async def _responds(http: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await http.get(f"http://127.0.0.1:{port}/")).is_success
    except httpx.TransportError:
        return False


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[ceil(0.95 * len(values)) - 1]
