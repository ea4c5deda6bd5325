"""An API dies during a request, and the accepted deployment runs once."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import httpx
import pytest
from anyio import fail_after, sleep
from tests.acceptance.tools.apps import repository_of
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.acceptance.tools.variants import ON_SERVERS, settings_of
from tests.faults.served.instances import FAST, revive
from tests.faults.served.resources import database_state, wait_until_cleaned_up
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.domain.platform.failpoints import ACCEPTED, REPLYING

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@pytest.fixture(params=[ON_SERVERS])
async def instance(request: pytest.FixtureRequest) -> AsyncIterator[ServedInstance]:
    """Yield an instance whose API has no worker, and dies once it has stored a deployment."""
    with settings_of(request) as settings:
        async with open_served(
            **FAST, **settings, PUSHPAKA_TEST_FAILPOINT=f"{ACCEPTED}:kill"
        ) as served:
            served.deploys = False
            yield await served.start()


@pytest.fixture
async def site(ann: Person, repositories: Path) -> Json:
    made = repository_of(repositories / "site", {"index.html": "v1"})
    return await ann.project(made.path, "site")


async def deploy(person: Person, project: Json, key: str) -> Json:
    body = {"project_id": project["id"]}
    async with person.served_instance.api(person.token) as api:
        answer = await api.post("/deployments", json=body, headers={"Idempotency-Key": key})
    assert answer.is_success, answer.text
    return dict(answer.json())


async def test_accepted_deployment_runs_once_despite_an_api_crash(
    instance: ServedInstance, ann: Person, site: Json
) -> None:
    """
    F02, F03: the API crashes after it has stored the deployment, and before it responds.

    A worker finds the first deployment without a hint, and deploys it while no API runs. The client
    repeats the second request with the same idempotency key, which creates no other deployment.
    """
    async with instance.worker():
        with suppress(httpx.TransportError):
            await deploy(ann, site, "first")
        with fail_after(PATIENCE):
            while not (await database_state(instance)).active_deployments(site):
                await sleep(0.2)
        await wait_until_cleaned_up(instance)
        page = await ann.read(site)
        codes = [await revive(instance, next_failpoint=REPLYING)]
        with suppress(httpx.TransportError):
            await deploy(ann, site, "second")
        codes.append(await revive(instance))
        again = await deploy(ann, site, "second")
        running = await ann.outcome(again)

    listed = (await ann.ask("GET", f"/deployments?project_id={site['id']}"))["data"]
    first, second = sorted(listed, key=lambda deployment: deployment["sequence"])
    assert [-SIGKILL] * 2 == codes
    assert "v1" == page
    assert first["status"] in {"running", "stopped"}
    assert ("running", again["id"]) == (second["status"], second["id"]), running["error"]
