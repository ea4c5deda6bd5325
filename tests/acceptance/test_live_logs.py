"""Logs watched by WebSocket while they are written, from any line on, through to their end."""

from pathlib import Path

import pytest
from tests.acceptance.apps import repository_of, server
from tests.acceptance.gates import Gate
from tests.acceptance.people import Json, Person, messages, numbers

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@pytest.fixture
def gate(repositories: Path) -> Gate:
    return Gate(repositories / "gate")


@pytest.fixture
async def building(ann: Person, repositories: Path, gate: Gate) -> Json:
    """Return a deployment that is going to fail, once somebody opens the gate."""
    repository = repository_of(repositories / "shop", server("v1"))
    build = f"{gate.command}; echo second; exit 4"
    project = await ann.project(repository.path, build_command=build)
    return await ann.begin(project)


async def test_watcher_sees_lines_while_the_build_runs_and_a_clean_end(
    ann: Person, building: Json, gate: Gate
) -> None:
    """A line comes before the build has ended; a failed deployment closes its log with 1000."""
    async with ann.watching(building) as watch:
        seen = await watch.until("waiting")
        during = await ann.ask("GET", f"/deployments/{building['id']}")
        await gate.open()
        seen += await watch.lines()

    assert "building" == during["status"]
    assert await ann.log(building) == seen
    assert list(range(1, len(seen) + 1)) == numbers(seen)
    assert "second" in messages(seen)
    assert 1000 == watch.close_code


async def test_watcher_comes_back_for_what_was_missed(
    ann: Person, building: Json, gate: Gate
) -> None:
    """Who left in the middle of a build sees the rest from there on, and nothing twice."""
    async with ann.watching(building) as watch:
        seen = [await watch.line(), await watch.line()]

    await gate.open()
    failed = await ann.outcome(building)
    async with ann.watching(building, after=seen[-1]["seq"]) as watch:
        rest = await watch.lines()

    assert "failed" == failed["status"]
    assert await ann.log(building) == seen + rest


async def test_output_of_a_running_application_is_seen_live(
    ann: Person, repositories: Path
) -> None:
    """What a running application prints reaches who watches."""
    project = await ann.project(repository_of(repositories / "shop", server("v1")).path)
    deployment = await ann.deploy(project)

    async with ann.watching(deployment) as watch:
        await ann.read(project, "/print/good-morning")
        (*_, line) = await watch.until("good-morning")

    assert ("stdout", "run") == (line["stream"], line["phase"])
