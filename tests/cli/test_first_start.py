"""The first start where no setting names a runtime, and the later ones, by real processes."""

import json

import pytest
from anyio import to_thread
from tests.engine.engines import URL
from tests.served import LEFT_OPEN, Served

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

NOWHERE = "unix:///nowhere/docker.sock"


async def _runtime_of(served: Served) -> str:
    """Return what is kept."""
    text = await to_thread.run_sync((served.data_directory / "runtime.json").read_text)
    return str(json.loads(text)["runtime"])


async def test_without_an_engine_applications_are_processes(unrouted: Served) -> None:
    """It is said at each start, with the reason, and stays so when an engine appears."""
    unrouted.env |= {"PUSHPAKA_RUNTIME": LEFT_OPEN, "PUSHPAKA_DOCKER_URL": NOWHERE}
    said = "by the runtime process: at the first start"

    await unrouted.start()
    await unrouted.stop()
    unrouted.env["PUSHPAKA_DOCKER_URL"] = URL
    await unrouted.start()
    await unrouted.stop()

    assert "process" == await _runtime_of(unrouted)
    assert 2 == unrouted.log.count(said), unrouted.log
    assert 2 == unrouted.log.count("  Runtime       process\n")
    assert "no sandbox" in unrouted.log


async def test_a_start_that_is_refused_chooses_nothing(unrouted: Served) -> None:
    """Who then installs an engine, as is sensible beyond loopback, gets containers."""
    unrouted.env |= {"PUSHPAKA_RUNTIME": LEFT_OPEN, "PUSHPAKA_DOCKER_URL": NOWHERE}

    finished = await unrouted.run("serve", PUSHPAKA_HOST="0.0.0.0")

    assert 2 == finished.code
    assert "The process runtime is no sandbox" in finished.errors
    assert not (unrouted.data_directory / "runtime.json").exists()


@pytest.mark.needs("docker")
async def test_with_an_engine_applications_are_containers(unrouted: Served) -> None:
    """Also while the engine is away, which is said; `down` finds them, and a setting wins."""
    unrouted.env["PUSHPAKA_RUNTIME"] = LEFT_OPEN
    repository = await to_thread.run_sync(Repository.make, unrouted.repositories / "page")
    await to_thread.run_sync(repository.commit, "Begin", {"index.html": "Hello."})

    await unrouted.start()
    async with unrouted.api(await unrouted.sign_up()) as api:
        body = {"name": "Page", "repo_url": str(repository.path)}
        project = (await api.post("/projects", json=body)).json()
        deployment = await unrouted.deploy(api, project["id"])
    await unrouted.stop()
    away = await _checks(unrouted, PUSHPAKA_DOCKER_URL=NOWHERE)
    named = await _checks(unrouted, PUSHPAKA_RUNTIME="process")
    down = await unrouted.run("down")

    assert ("running", True) == (deployment["status"], bool(deployment["image"])), deployment
    assert "  Runtime       docker\n" in unrouted.log
    assert "no sandbox" not in unrouted.log.partition("Ending.")[0]
    assert (False, None) == (away["docker"], named["docker"])
    assert "docker" == await _runtime_of(unrouted)
    assert "Stopped 1 program.\n" == down.output, down.errors


async def _checks(served: Served, **settings: str) -> dict[str, bool | None]:
    """Return what a start with other settings says of its health."""
    usual = dict(served.env)
    served.env |= settings
    await served.start()
    async with served.api() as api:
        checks: dict[str, bool | None] = (await api.get("/health")).json()["checks"]
    await served.stop()
    served.env.clear()
    served.env |= usual
    return checks
