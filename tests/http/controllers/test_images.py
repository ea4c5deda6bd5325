"""Projects that deploy images, and the webhooks of their registries."""

from typing import Any

import httpx
import pytest
from tests.http.clients import Person, refused_fields
from tests.webhook_deliveries import DIGEST, image_pushed

from pushpaka_core.domain.integrations.webhooks import GitProvider

pytestmark = pytest.mark.anyio

IMAGE = "ghcr.io/acme/shop"


async def an_image_project(ann: Person, **settings: Any) -> dict[str, Any]:
    return await ann.project(repo_url=f"image:{IMAGE}:1.4", **settings)


async def test_credentials_are_never_returned(ann: Person) -> None:
    project = await an_image_project(ann, registry_credentials="ann:s3cret")
    path = f"/projects/{project['id']}"

    shown = await ann.get(path)
    removed = await ann.ask("PATCH", path, {"registry_credentials": None})

    assert (f"image:{IMAGE}:1.4", True) == (
        project["repo_url"],
        project["has_registry_credentials"],
    )
    assert "s3cret" not in shown.text
    assert removed.json()["has_registry_credentials"] is False


async def test_another_tag_is_deployed(ann: Person) -> None:
    project = await an_image_project(ann)
    body = {"project_id": project["id"], "image": f"{IMAGE}:1.5"}

    own, other = await ann.deployment(project["id"]), (await ann.post("/deployments", body)).json()

    assert [f"{IMAGE}:1.4", f"{IMAGE}:1.5"] == [own["image"], other["image"]]
    assert [None, None] == [other["commit_sha"], other["commit_message"]]


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"image": "ghcr.io/acme/other:1"}, {"image"}),
        ({"image": "Not an image"}, {"image"}),
        ({"branch": "main", "archive": "a" * 64}, {"branch", "archive"}),
    ],
)
async def test_other_sources_are_refused(
    ann: Person, fields: dict[str, str], refused: set[str]
) -> None:
    project = await an_image_project(ann)

    answer = await ann.post("/deployments", {"project_id": project["id"], **fields})

    assert refused == refused_fields(answer)


async def test_malformed_sources_are_refused(ann: Person) -> None:
    body = {"name": "a", "repo_url": "image:Acme Shop", "registry_credentials": "ann"}

    answer = await ann.post("/projects", body)

    assert {"repo_url", "registry_credentials"} >= refused_fields(answer)


async def a_webhook(ann: Person, provider: GitProvider, **fields: Any) -> dict[str, Any]:
    project = await an_image_project(ann)
    body = {"project_id": project["id"], "provider": provider, **fields}
    answer = await ann.post("/webhooks", body)
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("provider", [GitProvider.DOCKER_HUB, GitProvider.REGISTRY])
async def test_registry_is_authenticated_by_the_secret_in_its_url(
    ann: Person, provider: GitProvider
) -> None:
    webhook = await a_webhook(ann, provider, tags="1.*")
    url, body = httpx.URL(webhook["url"]), image_pushed(provider).body
    forged = url.copy_set_param("secret", "x" * 64)

    accepted, again, refused, bare = [
        await ann.client.post(path, content=body)
        for path in (
            url.raw_path.decode(),
            url.raw_path.decode(),
            forged.raw_path.decode(),
            url.path,
        )
    ]

    (deployment_id,) = accepted.json()["deployment_ids"]
    deployment = (await ann.get(f"/deployments/{deployment_id}")).json()
    digest = f"@{DIGEST}" if provider is GitProvider.REGISTRY else ""
    assert {"secret": webhook["secret"]} == dict(url.params)
    assert f"Deploying {IMAGE}:1.5{digest} to production." == accepted.json()["message"]
    assert (f"{IMAGE}:1.5{digest}", "queued") == (deployment["image"], deployment["status"])
    assert (200, []) == (again.status_code, again.json()["deployment_ids"])
    assert [401, 401] == [refused.status_code, bare.status_code]
    listed = (await ann.get("/webhooks")).json()["data"]
    assert [url.copy_remove_param("secret")] == [each["url"] for each in listed]


async def test_package_event_of_github_is_signed(ann: Person) -> None:
    webhook = await a_webhook(ann, GitProvider.GITHUB, tags="1.5")
    delivery = image_pushed(GitProvider.GITHUB)
    path = httpx.URL(webhook["url"]).path

    accepted = await ann.client.post(
        path, content=delivery.body, headers=delivery.headers(webhook["secret"])
    )
    refused = await ann.client.post(path, content=delivery.body, headers=delivery.headers("other"))

    assert f"Deploying {IMAGE}:1.5@{DIGEST} to production." == accepted.json()["message"]
    assert 401 == refused.status_code


async def test_other_tag_is_ignored(ann: Person) -> None:
    webhook = await a_webhook(ann, GitProvider.REGISTRY)
    path = httpx.URL(webhook["url"]).raw_path.decode()

    answer = await ann.client.post(path, content=image_pushed(GitProvider.REGISTRY).body)

    assert (200, [], "This webhook deploys only 1.4, not 1.5.") == (
        answer.status_code,
        answer.json()["deployment_ids"],
        answer.json()["message"],
    )
