"""An API dies while it answers: what it has accepted is done, once."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import httpx
import pytest
from anyio import fail_after, sleep
from tests.acceptance.apps import repository_of
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Json, Person
from tests.acceptance.variants import VARIANTS, settings_of
from tests.faults.served.holdings import known_of, until_tidy
from tests.served import Served, open_served

from pushpaka_core.domain.failpoints import ACCEPTED, REPLYING

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

SITE = {"index.html": "v1"}


@pytest.fixture(scope="module", params=VARIANTS)
async def instance(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """Return an API that does not deploy."""
    with settings_of(request) as settings:
        async with open_served(**OWN_ADDRESSES, **settings, PUSHPAKA_TEST_TIMING="fast") as served:
            served.deploys = False
            yield await served.start()


@pytest.fixture
async def site(ann: Person, repositories: Path) -> Json:
    return await ann.project(repository_of(repositories / "site", SITE).path, "site")


async def ask_and_die(instance: Served, person: Person, project: Json, step: str) -> int:
    """Have somebody deploy by an API that ends at *step*, and return its exit code."""
    await instance.stop(SIGKILL)
    instance.env["PUSHPAKA_TEST_FAILPOINT"] = f"{step}:kill"
    try:
        await instance.start()
        with suppress(httpx.TransportError):
            await deploy(instance, person, project)
        return await instance.ended()
    finally:
        del instance.env["PUSHPAKA_TEST_FAILPOINT"]


async def deploy(instance: Served, person: Person, project: Json) -> Json:
    """Deploy with the same key each time."""
    body = {"project_id": project["id"]}
    async with instance.api(person.token) as api:
        answer = await api.post("/deployments", json=body, headers={"Idempotency-Key": "once"})
    assert answer.is_success, answer.text
    return dict(answer.json())


async def test_accepted_without_a_hint_it_is_begun_by_the_next_look(
    instance: Served, ann: Person, site: Json
) -> None:
    """A worker finds the row, and serves it while there is no API at all."""
    async with instance.worker():
        code = await ask_and_die(instance, ann, site, ACCEPTED)
        with fail_after(PATIENCE):
            while not (await known_of(instance)).serving:
                await sleep(0.05)
        await until_tidy(instance)
        page = await ann.read(site)
        await instance.start()
        listed = (await ann.ask("GET", f"/deployments?project_id={site['id']}"))["data"]

    assert -SIGKILL == code
    assert "v1" == page
    assert ["running"] == [deployment["status"] for deployment in listed]


async def test_accepted_without_an_answer_it_is_the_same_when_asked_for_again(
    instance: Served, ann: Person, site: Json
) -> None:
    """The client repeats its request with the same key, and there is one deployment."""
    code = await ask_and_die(instance, ann, site, REPLYING)
    (kept,) = (await known_of(instance)).waiting
    await instance.start()
    again = await deploy(instance, ann, site)
    async with instance.worker():
        running = await ann.outcome(again)
    listed = (await ann.ask("GET", f"/deployments?project_id={site['id']}"))["data"]

    assert -SIGKILL == code
    assert str(kept.id) == again["id"]
    assert [("running", again["id"])] == [(d["status"], d["id"]) for d in listed], running["error"]
