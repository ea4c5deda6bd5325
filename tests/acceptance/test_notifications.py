"""An instance sends notifications to the addresses that it may contact."""

import json
from http import HTTPStatus
from pathlib import Path

import pytest
from anyio import fail_after, sleep
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import PATIENCE, Person
from tests.acceptance.tools.variants import ON_EMBEDDED
from tests.served_instance import ServedInstance
from tests.servers.notification_receivers import Receiver, open_http_receiver

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), ON_EMBEDDED]


async def test_webhooks_and_services_are_notified(
    ann: Person, shared_instance: ServedInstance, repositories: Path
) -> None:
    """Rejected messages are sent again, unsubscribed events are not sent, and URLs are hidden."""
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    with open_http_receiver() as program, open_http_receiver() as service:
        program.next_errors.append(HTTPStatus.SERVICE_UNAVAILABLE)
        for url, events in (
            (f"http://127.0.0.1:{program.port}/s3cret", ["success", "failure"]),
            (f"json://127.0.0.1:{service.port}/s3cret", ["failure"]),
        ):
            body = {"project_id": project["id"], "url": url, "events": events}
            channel = await ann.ask("POST", "/notifications", body)
        await ann.ask("POST", f"/notifications/{channel['id']}/test")
        await _wait_until_received(service, 1)
        running = await ann.deploy(project)
        repository.commit("Break it", {"Procfile": "web: exec false\n"})
        failed = await ann.outcome(await ann.begin(project))
        await _wait_until_received(program, 2)
        await _wait_until_received(service, 2)
        listed = await ann.ask("GET", "/notifications")

    payloads = [json.loads(received.body) for received in program.received]
    assert ["deployment.success", "deployment.failure"] == [each["type"] for each in payloads]
    assert [running["id"], failed["id"]] == [each["data"]["deployment_id"] for each in payloads]
    assert project["url"] == payloads[0]["data"]["url"]
    assert failed["error"] == payloads[1]["data"]["error"]
    titles = [json.loads(received.body)["title"] for received in service.received]
    assert ["shop: test notification", "shop could not be deployed"] == titles
    assert [None, None] == [channel["last_error"] for channel in listed["data"]]
    assert all(channel["last_delivered_at"] for channel in listed["data"])
    assert "s3cret" not in json.dumps(listed) + shared_instance.log


async def _wait_until_received(receiver: Receiver, count: int) -> None:
    with fail_after(PATIENCE):
        while len(receiver.received) < count:
            await sleep(0.1)
