"""Webhooks over HTTP: made by people, called by forges."""

from typing import Any

import httpx
import pytest
from tests.deliveries import AFTER, Delivery, ping, push
from tests.http.clients import NOBODY, Person

from pushpaka_core.domain.webhooks import Forge

pytestmark = pytest.mark.anyio

FIELDS = [
    "id",
    "project_id",
    "provider",
    "url",
    "secret",
    "previews",
    "forks",
    "created_at",
    "updated_at",
]


async def a_webhook(person: Person, **wishes: Any) -> dict[str, Any]:
    """Return a new webhook of a new project."""
    project = await person.project()
    body = {"project_id": project["id"], "provider": "github", **wishes}
    answer = await person.post("/webhooks", body)
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


async def sent(
    client: httpx.AsyncClient, webhook: dict[str, Any], delivery: Delivery, **headers: str
) -> httpx.Response:
    """Send a delivery to a webhook, signed with its secret."""
    signed = delivery.headers(webhook["secret"]) | headers
    path = httpx.URL(webhook["url"]).path
    return await client.post(path, content=delivery.body, headers=signed)


async def test_a_webhook_is_made_and_its_secret_shown_once(ann: Person) -> None:
    """The address is what the forge is given."""
    webhook = await a_webhook(ann, previews=True)

    listed = (await ann.get("/webhooks")).json()

    assert FIELDS == list(webhook)
    assert f"http://api.localhost:8000/api/v1/webhooks/{webhook['id']}/receive" == webhook["url"]
    assert (True, False) == (webhook["previews"], webhook["forks"])
    assert {"data": [webhook | {"secret": None}]} == listed
    assert webhook["secret"] not in str(listed)


async def test_a_webhook_gets_a_new_secret(ann: Person) -> None:
    """It too is shown once, and the old one counts no more."""
    webhook = await a_webhook(ann)

    answer = await ann.post(f"/webhooks/{webhook['id']}/rotate")

    renewed = answer.json()
    assert 200 == answer.status_code
    assert webhook["secret"] != renewed["secret"]
    delivery = push(Forge.GITHUB)
    old, new = await sent(ann.client, webhook, delivery), await sent(ann.client, renewed, delivery)
    assert (401, 200) == (old.status_code, new.status_code)


async def test_a_webhook_is_taken_away(ann: Person) -> None:
    """It is as one that never was."""
    webhook = await a_webhook(ann)

    answer = await ann.ask("DELETE", f"/webhooks/{webhook['id']}")

    assert (200, {"message": "The webhook was removed."}) == (answer.status_code, answer.json())
    assert {"data": []} == (await ann.get("/webhooks")).json()
    assert 401 == (await sent(ann.client, webhook, push(Forge.GITHUB))).status_code
    assert 404 == (await ann.ask("DELETE", f"/webhooks/{webhook['id']}")).status_code


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"provider": "sourceforge"}, "provider"),
        ({"provider": None}, "provider"),
        ({"previews": "yes"}, "previews"),
        ({"secret": "mine"}, "secret"),
    ],
)
async def test_what_is_wrong_is_named(ann: Person, wrong: dict[str, Any], field: str) -> None:
    """A secret is ours to make."""
    project = await ann.project()

    answer = await ann.post(
        "/webhooks", {"project_id": project["id"], "provider": "github", **wrong}
    )

    assert 400 == answer.status_code
    assert [field] == [problem["field"] for problem in answer.json()["details"]]


@pytest.mark.parametrize("forge", Forge)
async def test_a_push_deploys_the_commit(ann: Person, forge: Forge) -> None:
    """The forge needs no token of the API."""
    webhook = await a_webhook(ann, provider=forge)

    answer = await sent(ann.client, webhook, push(forge))

    receipt = answer.json()
    assert (200, ["message", "deployment_ids"]) == (answer.status_code, list(receipt))
    (deployment_id,) = receipt["deployment_ids"]
    deployment = (await ann.get(f"/deployments/{deployment_id}")).json()
    assert (AFTER, "queued", "production") == (
        deployment["commit_sha"],
        deployment["status"],
        deployment["target"],
    )


async def test_a_replayed_delivery_is_answered_without_a_second_deployment(ann: Person) -> None:
    """A forge that sends again is content, and so is everybody else."""
    webhook, delivery = await a_webhook(ann), push(Forge.GITHUB)
    await sent(ann.client, webhook, delivery)

    answer = await sent(ann.client, webhook, delivery)

    assert (200, []) == (answer.status_code, answer.json()["deployment_ids"])
    assert 1 == (await ann.get("/deployments")).json()["total"]


async def test_a_ping_is_answered(ann: Person) -> None:
    """Whoever sets it up in the forge sees that it works."""
    answer = await sent(ann.client, await a_webhook(ann), ping(Forge.GITHUB))

    assert (200, "The webhook works.") == (answer.status_code, answer.json()["message"])


async def test_what_is_not_proven_is_answered_alike(ann: Person) -> None:
    """Whether there is such a webhook cannot be told from the answer."""
    webhook, delivery = await a_webhook(ann), push(Forge.GITHUB)
    signed = delivery.headers(webhook["secret"])
    of_another_forge = push(Forge.GITLAB).headers(webhook["secret"])
    unsigned = {n: v for n, v in signed.items() if n != "X-Hub-Signature-256"}
    path = f"/api/v1/webhooks/{webhook['id']}/receive"
    unknown = f"/api/v1/webhooks/{NOBODY}/receive"

    answers = [
        await ann.client.post(where, content=body, headers=headers)
        for where, body, headers in (
            (path, delivery.body, unsigned),
            (path, delivery.body, of_another_forge),
            (path, delivery.body + b" ", signed),
            (unknown, delivery.body, signed),
            (unknown, b"", {}),
        )
    ]

    bodies = [{k: v for k, v in a.json().items() if k != "request_id"} for a in answers]
    assert [401] * 5 == [answer.status_code for answer in answers]
    assert [bodies[0]] * 5 == bodies
    assert 0 == (await ann.get("/deployments")).json()["total"]


async def test_a_body_that_is_too_large_is_refused(ann: Person) -> None:
    """Whether its length is told or not."""
    webhook = await a_webhook(ann)
    path, size = httpx.URL(webhook["url"]).path, 1024 * 1024 + 1

    async def in_parts() -> Any:
        yield b" " * size

    answers = [
        await ann.client.post(path, content=content) for content in (b" " * size, in_parts())
    ]

    assert [413, 413] == [answer.status_code for answer in answers]


async def test_a_proven_delivery_that_makes_no_sense_is_told_of(ann: Person) -> None:
    """The owner sees in the forge which part it is."""
    delivery = Delivery(forge=Forge.GITHUB, event="push", payload={"ref": 1})

    answer = await sent(ann.client, await a_webhook(ann), delivery)

    assert 400 == answer.status_code
    assert ["ref"] == [problem["field"] for problem in answer.json()["details"]]
