"""Logs can be watched over a WebSocket while they grow."""

from pathlib import Path

import pytest
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.gates import Gate
from tests.acceptance.tools.people import Person, messages, numbers
from tests.acceptance.tools.variants import ON_EMBEDDED

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@ON_EMBEDDED
async def test_client_that_reconnects_gets_the_missed_lines(
    ann: Person, repositories: Path
) -> None:
    """Lines arrive during the build. A client that reconnects gets each line once."""
    gate, repository = Gate(repositories / "gate"), repository_of(repositories / "shop", server(""))
    build = f"{gate.command}; echo second; exit 4"
    building = await ann.begin(await ann.project(repository.path, build_command=build))

    async with ann.watch_log(building) as watch:
        seen = await watch.wait_until("waiting")
        during = await ann.ask("GET", f"/deployments/{building['id']}")
    seen = seen[:2]
    async with ann.watch_log(building, after=seen[-1]["seq"]) as watch:
        seen += await watch.wait_until("waiting")
        await gate.open()
        seen += await watch.lines()
    failed = await ann.outcome(building)

    assert ("building", "failed") == (during["status"], failed["status"])
    assert await ann.log(building) == seen
    assert list(range(1, len(seen) + 1)) == numbers(seen)
    assert "second" in messages(seen)
    assert 1000 == watch.close_code
