"""Open connections of one application while it, and its neighbour, are deployed again and again."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path as SyncPath

import pytest
from anyio import Path, create_task_group
from attrs import frozen
from tests.acceptance.apps import program, repository_of
from tests.acceptance.connections import LONG_LIVED, Browser, Connection
from tests.acceptance.people import OWN_ADDRESSES, Json, Person
from tests.faults.served.holdings import until_tidy
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

DEPLOYMENTS = 10


@pytest.fixture(scope="module")
async def instance() -> AsyncIterator[Served]:
    """Return an instance that gives what is replaced a moment that a test can look at."""
    settings = OWN_ADDRESSES | {"PUSHPAKA_DRAIN_TIMEOUT": "8", "PUSHPAKA_TEST_TIMING": "fast"}
    async with open_served(**settings) as served:
        yield await served.start()


@frozen(kw_only=True)
class Drain:
    """What became of the connections of a version that was replaced."""

    flowed: Sequence[bool]
    """Whether each went on when requests went to the next version already."""
    finished: str | None
    """How a download ended whose end came in the time of the drain."""
    endless: Sequence[Connection]

    @classmethod
    async def seen_by(cls, browser: Browser, project: Json, files: SyncPath) -> "Drain":
        """Connect, deploy the next version, and have one of two downloads come to its end."""
        never, end = Path(files / "never"), Path(files / "end")
        socket, endless, finite = await browser.connect(project, never, end)
        await browser.person.deploy(project)
        flowed = [await connection.flows() for connection in (socket, endless, finite)]
        await end.touch()
        finished = await finite.ended()
        await end.unlink()
        return cls(flowed=flowed, finished=finished, endless=(socket, endless))


@pytest.mark.timeout(300)
async def test_ten_deployments_cut_no_connection_of_the_neighbour_and_drain_their_own(
    instance: Served, ann: Person, repositories: SyncPath
) -> None:
    """What is open flows until the drain of its own version ends, the neighbour's for ever."""
    files = [repository_of(repositories / name, program(LONG_LIVED)) for name in ("shop", "blog")]
    projects = [await ann.project(f.path, f.path.name) for f in files]
    for project in projects:
        await ann.deploy(project)
    # Ten more within a minute are asked of a process that has counted none yet.
    await instance.stop()
    await instance.start()

    drains: list[Drain] = []
    flow: list[bool] = []
    async with create_task_group() as tasks:
        browser = Browser(ann, tasks)
        for project, neighbour in (projects, reversed(projects)):
            neighbours = await browser.connect(neighbour, Path(repositories / "never"))
            drains += [
                await Drain.seen_by(browser, project, repositories) for _ in range(DEPLOYMENTS)
            ]
            flow += [await connection.flows() for connection in neighbours]
        for connection in (each for drain in drains for each in drain.endless):
            await connection.ended()
        tasks.cancel_scope.cancel()

    await until_tidy(instance)
    assert [[True] * 3] * 2 * DEPLOYMENTS == [drain.flowed for drain in drains]
    assert ["closed"] * 2 * DEPLOYMENTS == [drain.finished for drain in drains]
    assert [True] * 4 == flow
