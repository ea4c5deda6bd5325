"""Tests instances that choose their runtime because PUSHPAKA_RUNTIME is not set."""

import json

import pytest
from anyio import to_thread
from tests.served_instance import UNSET, ServedInstance

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker"), pytest.mark.timeout(300)]

NOWHERE = "unix:///nowhere/docker.sock"


async def _runtime_of(served_instance: ServedInstance) -> str:
    """Return the runtime that is stored in the data directory."""
    text = await to_thread.run_sync((served_instance.data_directory / "runtime.json").read_text)
    return str(json.loads(text)["runtime"])


async def test_applications_run_in_containers_if_an_engine_is_available(
    unrouted_instance: ServedInstance,
) -> None:
    """If the engine stops responding later, /health reports it.

    PUSHPAKA_RUNTIME takes precedence over the stored runtime.
    """
    unrouted_instance.env["PUSHPAKA_RUNTIME"] = UNSET
    repository = await to_thread.run_sync(
        Repository.create, unrouted_instance.repositories / "page"
    )
    await to_thread.run_sync(repository.commit, "Begin", {"index.html": "Hello."})

    await unrouted_instance.start()
    async with unrouted_instance.api(await unrouted_instance.sign_up()) as api:
        body = {"name": "Page", "repo_url": str(repository.path)}
        project = (await api.post("/projects", json=body)).json()
        deployment = await unrouted_instance.deploy(api, project["id"])
    await unrouted_instance.stop()
    away = await _checks(unrouted_instance, PUSHPAKA_DOCKER_URL=NOWHERE)
    named = await _checks(unrouted_instance, PUSHPAKA_RUNTIME="process")
    down = await unrouted_instance.run("down")

    assert ("running", True) == (deployment["status"], bool(deployment["image"])), deployment
    assert "  Runtime       docker\n" in unrouted_instance.log
    assert "not a sandbox" not in unrouted_instance.log.partition("Stopping.")[0]
    assert (False, None) == (away["docker"], named["docker"])
    assert "docker" == await _runtime_of(unrouted_instance)
    assert "Stopped 1 process.\n" == down.output, down.errors


async def _checks(served_instance: ServedInstance, **settings: str) -> dict[str, bool | None]:
    """Return the results of the health checks after a start with other settings."""
    usual = dict(served_instance.env)
    served_instance.env |= settings
    await served_instance.start()
    async with served_instance.api() as api:
        checks: dict[str, bool | None] = (await api.get("/health")).json()["checks"]
    await served_instance.stop()
    served_instance.env.clear()
    served_instance.env |= usual
    return checks
