"""Whoever wants to know is told by a served instance, at addresses that it lets be contacted."""

import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest
from anyio import fail_after, sleep
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Person
from tests.receivers import Receiver, open_http_receiver
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@pytest.fixture
async def instance() -> AsyncIterator[Served]:
    async with open_served(**OWN_ADDRESSES, PUSHPAKA_NOTIFY_ALLOW_NETS="127.0.0.1/32") as served:
        yield await served.start()


async def until_received(receiver: Receiver, count: int) -> None:
    """Wait until a server was sent so much."""
    with fail_after(PATIENCE):
        while len(receiver.received) < count:
            await sleep(0.1)


async def test_programs_and_people_are_told(instance: Served) -> None:
    """Again after a refusal, and of nothing that they do not want; no address is seen anywhere."""
    repository = repository_of(Path(instance.repositories) / "shop", server("v1"))
    with open_http_receiver() as program, open_http_receiver() as service:
        program.refusals.append(HTTPStatus.SERVICE_UNAVAILABLE)
        async with Person.signed_up(instance) as ann:
            project = await ann.project(repository.path)
            for url, success in (
                (f"http://127.0.0.1:{program.port}/s3cret", True),
                (f"json://127.0.0.1:{service.port}/s3cret", False),
            ):
                body = {"project_id": project["id"], "url": url, "success": success}
                channel = await ann.ask("POST", "/notifications", body)
            await ann.ask("POST", f"/notifications/{channel['id']}/test")
            await until_received(service, 1)
            running = await ann.deploy(project)
            repository.commit("Break it", {"Procfile": "web: exec false\n"})
            failed = await ann.outcome(await ann.begin(project))
            await until_received(program, 2)
            await until_received(service, 2)
            listed = await ann.ask("GET", "/notifications")

    told = [json.loads(received.body) for received in program.received]
    assert ["deployment.success", "deployment.failure"] == [each["type"] for each in told]
    assert [running["id"], failed["id"]] == [each["data"]["deployment_id"] for each in told]
    assert project["url"] == told[0]["data"]["url"]
    assert failed["error"] == told[1]["data"]["error"]
    titles = [json.loads(received.body)["title"] for received in service.received]
    assert ["shop: a test", "shop could not be deployed"] == titles
    assert [None, None] == [channel["last_error"] for channel in listed["data"]]
    assert all(channel["last_told_at"] for channel in listed["data"])
    assert "s3cret" not in json.dumps(listed) + instance.log
