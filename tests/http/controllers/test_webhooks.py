"""Webhooks, which users manage and Git providers call."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.http.clients import Person, refused_fields, statuses_of
from tests.webhook_deliveries import AFTER, GIT_PROVIDERS, Delivery, push

from pushpaka_core.domain.integrations.webhooks import GitProvider

pytestmark = pytest.mark.anyio

FIELDS = [
    "id", "project_id", "provider", "url", "secret", "previews", "forks", "tags",
    "created_at", "updated_at",
]  # fmt: skip


async def a_webhook(person: Person, **fields: Any) -> dict[str, Any]:
    """Create a webhook for a new project, and return it with its secret."""
    project = await person.project()
    body = {"project_id": project["id"], "provider": "github", **fields}
    answer = await person.post("/webhooks", body)
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


async def deliver(
    client: httpx.AsyncClient, webhook: dict[str, Any], delivery: Delivery
) -> httpx.Response:
    """Send *delivery* as a Git provider does, signed with the webhook's secret."""
    headers, path = delivery.headers(webhook["secret"]), httpx.URL(webhook["url"]).path
    return await client.post(path, content=delivery.body, headers=headers)


async def test_a_webhook_is_created_and_its_secret_shown_once(ann: Person) -> None:
    webhook = await a_webhook(ann, previews=True)

    listed = (await ann.get("/webhooks")).json()

    assert FIELDS == list(webhook)
    assert f"http://api.localhost:8000/api/v1/webhooks/{webhook['id']}/receive" == webhook["url"]
    assert (True, False) == (webhook["previews"], webhook["forks"])
    assert {"data": [webhook | {"secret": None}]} == listed


@pytest.mark.parametrize("git_provider", GIT_PROVIDERS)
async def test_a_push_deploys_the_commit(ann: Person, git_provider: GitProvider) -> None:
    """The delivery's signature is enough: a Git provider has no API token."""
    webhook = await a_webhook(ann, provider=git_provider)

    answer = await deliver(ann.client, webhook, push(git_provider))

    assert (200, ["message", "deployment_ids"]) == (answer.status_code, list(answer.json()))
    (deployment_id,) = answer.json()["deployment_ids"]
    deployment = (await ann.get(f"/deployments/{deployment_id}")).json()
    expected = {"commit_sha": AFTER, "status": "queued", "target": "production"}
    assert expected.items() <= deployment.items()


async def test_deliveries_are_limited_to_one_mebibyte(ann: Person) -> None:
    webhook = await a_webhook(ann)
    path, size = httpx.URL(webhook["url"]).path, 1024 * 1024 + 1

    async def in_chunks() -> AsyncIterator[bytes]:
        yield b" " * size

    answers = [
        await ann.client.post(path, content=content) for content in (b" " * size, in_chunks())
    ]

    assert [413, 413] == statuses_of(*answers)


async def test_the_invalid_field_of_a_signed_payload_is_named(ann: Person) -> None:
    delivery = Delivery(git_provider=GitProvider.GITHUB, event="push", payload={"ref": 1})

    answer = await deliver(ann.client, await a_webhook(ann), delivery)

    assert {"ref"} == refused_fields(answer)
