"""`pushpaka serve` and `pushpaka down`: what they start, and what they leave."""

import json
import sys
from signal import SIGINT, SIGTERM, Signals

import anyio
import httpx
import pytest
from anyio import to_thread
from tests.served import Served

from pushpaka_core.maintenance import migrate_instance
from pushpaka_core.settings import Settings
from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

PAGE = "<!doctype html><h1>Good morning</h1>"
TELLING = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps([*filter(sys.modules.get, sys.modules)]), file=sys.stderr))
from pushpaka_http.cli import main
main()
"""
"""Serves, and prints at the end what was imported."""
UNNEEDED = {
    *("alembic", "apprise", "asyncpg", "cryptography", "dns", "docker", "jwt", "passlib"),
    *("redis", "rich", "sqlalchemy.dialects.postgresql", "pushpaka_core.adapters.docker.engine"),
    *("pushpaka_core.adapters.redis", "pushpaka_core.detection.languages"),
}
"""What waits for an older database, a person, their domain, a deployment, or a setting."""


async def _deployed(served: Served) -> tuple[str, str]:
    """Deploy a page; return its address and a token of its owner."""
    repository = await to_thread.run_sync(Repository.make, served.repositories / "page")
    await to_thread.run_sync(repository.commit, "Begin", {"index.html": PAGE})
    token = await served.sign_up()
    async with served.api(token) as api:
        body = {"name": "Page", "repo_url": str(repository.path)}
        project = (await api.post("/projects", json=body)).json()
        deployment = await served.deploy(api, project["id"])
    assert "running" == deployment["status"], deployment["error"]
    return str(project["url"]), token


async def _until_served(served: Served, url: str) -> None:
    with anyio.fail_after(30):
        while True:
            try:
                if PAGE == (await served.visit(url)).text:
                    return
            except httpx.TransportError:
                pass
            await anyio.sleep(0.1)


@pytest.mark.parametrize("signal", [SIGTERM, SIGINT])
async def test_serve_ends_cleanly_within_seconds(unrouted: Served, signal: Signals) -> None:
    """Either signal ends a server that answers, with exit code 0 and no traceback."""
    await unrouted.start()

    code = await unrouted.stop(signal, within=5)

    assert 0 == code
    assert "Traceback" not in unrouted.log
    assert f"http://127.0.0.1:{unrouted.port}/api/v1" in unrouted.log
    assert "no sandbox" in unrouted.log


async def test_serve_starts_without_what_nobody_has_asked_for(unrouted: Served) -> None:
    """It is ready soon, and small, as what it may need later is imported then."""
    await migrate_instance(Settings(data_directory=unrouted.data_directory))
    unrouted.program = (sys.executable, "-c", TELLING)
    await unrouted.start()

    await unrouted.stop()

    imported = set(json.loads(unrouted.log.splitlines()[-1]))
    assert "pushpaka_http.app" in imported
    assert set() == imported & UNNEEDED


async def test_second_serve_is_refused(unrouted: Served) -> None:
    """One server has a data directory; another one is told who it is."""
    await unrouted.start()

    second = await unrouted.run("serve", PUSHPAKA_PORT="1")

    assert 2 == second.code
    assert f"process {unrouted.pid}" in second.errors


async def test_running_serve_is_not_pulled_away(unrouted: Served) -> None:
    """`down` waits until the server was ended; `migrate` need not, as it spares who serves."""
    await unrouted.start()

    down, migrate = await unrouted.run("down"), await unrouted.run("migrate")

    assert (2, 0) == (down.code, migrate.code), migrate.errors
    assert "Stop it first" in down.errors


@pytest.mark.parametrize(
    ("path", "secret"),
    [("/env", {"key": "TOKEN", "value": "hush"}), ("/webhooks", {"provider": "github"})],
)
async def test_without_the_keys_of_stored_secrets_nothing_is_served(
    unrouted: Served, path: str, secret: dict[str, str]
) -> None:
    """Neither here nor by another machine of the instance that would make keys of its own."""
    await unrouted.start()
    async with unrouted.api(await unrouted.sign_up()) as api:
        body = {"name": "page", "repo_url": "https://git.example.com/ann/page"}
        project = (await api.post("/projects", json=body)).json()
        kept = await api.post(path, json={"project_id": project["id"], **secret})
        assert kept.is_success, kept.text
    await unrouted.stop()
    await anyio.Path(unrouted.data_directory / "keys.json").unlink()

    refused = await unrouted.run("serve")

    assert 2 == refused.code, refused.errors
    assert "Stored secrets are encrypted with keys that are not here: k" in refused.errors
    assert "PUSHPAKA_ENCRYPTION_KEYS" in refused.errors


@pytest.mark.needs("traefik")
async def test_applications_stay_up_until_down_and_come_back(served: Served) -> None:
    """Without serve the application answers; after `down` nothing does; serve brings it back."""
    await served.start()
    url, _ = await _deployed(served)

    await served.stop(within=10)
    without_serve = await served.visit(url)
    down = await served.run("down")

    assert PAGE == without_serve.text
    assert "Stopped 3 programs, applications and router.\n" == down.output, down.errors
    with pytest.raises(httpx.TransportError):
        await served.visit(url)
    await served.start()
    await _until_served(served, url)


@pytest.mark.needs("traefik")
async def test_restarted_serve_adopts_what_runs(served: Served) -> None:
    """A server that was killed is followed by one that interrupts nothing."""
    await served.start()
    url, token = await _deployed(served)

    await served.stop(Signals.SIGKILL)
    await served.start()

    assert PAGE == (await served.visit(url)).text
    async with served.api(token) as api:
        deployments = (await api.get("/deployments")).json()["data"]
    assert ["running"] == [deployment["status"] for deployment in deployments]


@pytest.mark.needs("traefik")
async def test_second_signal_does_not_wait_for_watchers(served: Served) -> None:
    """Open streams get some seconds at the first signal, and nothing more at the second."""
    await served.start()
    _, token = await _deployed(served)

    async with served.api(token) as api:
        deployment = (await api.get("/deployments")).json()["data"][0]
        async with api.stream("GET", f"/logs/{deployment['id']}/sse") as stream:
            assert 200 == stream.status_code
            await _signal_until_ending(served)
            code = await served.stop(within=2)

    assert 128 + SIGTERM == code


async def _signal_until_ending(served: Served) -> None:
    served.send(SIGTERM)
    with anyio.fail_after(10):
        while "Ending." not in await to_thread.run_sync(lambda: served.log):
            await anyio.sleep(0.02)
