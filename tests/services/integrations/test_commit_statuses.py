"""Commit statuses are sent to Git providers in order, and retried while a Git provider is down."""

import json
from typing import Any

import pytest
from tests.platform_fixtures import Platform
from tests.webhook_deliveries import Delivery, branch_deleted, push

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.integrations.webhooks import GitProvider, NewWebhook
from pushpaka_core.domain.projects.projects import Project, ProjectChanges
from pushpaka_core.errors import BuildError, ReceiverUnavailableError
from pushpaka_core.services.integrations.webhooks import IssuedWebhook

pytestmark = pytest.mark.anyio

AWAY = ReceiverUnavailableError("git.example.com does not respond.")


async def project_with_webhook(
    platform: Platform, **settings: Any
) -> tuple[Project, IssuedWebhook]:
    """Create a project with a Git token, and a webhook for it. Return both."""
    project = await platform.project(**({"git_token": "t0ken"} | settings))
    new = NewWebhook(project_id=project.id, provider=GitProvider.GITEA, previews=True)
    return project, await platform.application.webhooks.add(platform.owner, new)


async def deliver_push(platform: Platform, issued_webhook: IssuedWebhook, commit: str) -> None:
    """Deliver a push of *commit* to the branch main."""
    await deliver(platform, issued_webhook, push(GitProvider.GITEA, "main", commit))


async def deliver(platform: Platform, issued_webhook: IssuedWebhook, delivery: Delivery) -> None:
    """Send *delivery* to a webhook, signed with the webhook's secret."""
    await platform.application.deliveries.receive(
        issued_webhook.webhook.id, delivery.lower_case_headers(issued_webhook.secret), delivery.body
    )


async def send_all(platform: Platform) -> list[tuple[str, str]]:
    """Send all messages that are due, and return the commit and the state of each."""
    for _ in range(9):
        await platform.worker_services.outbox_sender.send_due()
    posted = platform.webhook_client.requests
    calls = [(each.url[-40:], json.loads(each.body)["state"]) for each in posted]
    platform.webhook_client.requests.clear()
    return calls


async def count_queued(platform: Platform) -> int:
    """Return the number of messages in the outbox, even if they are not due yet."""
    platform.clock.advance(10**9)
    async with platform.storage.snapshot() as uow:
        return len(await uow.outbox.list_due(platform.clock(), limit=99, limit_per_owner=99))


async def test_a_push_is_pending_then_deployed(platform: Platform) -> None:
    _, issued_webhook = await project_with_webhook(platform)
    commit = platform.commit()
    await deliver_push(platform, issued_webhook, commit)
    first = await send_all(platform)
    await platform.work()
    await platform.worker_services.outbox_sender.send_due()

    (success,) = platform.webhook_client.requests
    assert [(commit, "pending")] == first
    assert f"https://git.example.com/api/v1/repos/ann/app/statuses/{commit}" == success.url
    assert "token t0ken" == success.headers["Authorization"]
    assert {
        "state": "success",
        "context": "pushpaka/shop",
        "description": "The deployment is live.",
        "target_url": "http://shop.localhost",
    } == json.loads(success.body)
    assert 0 == await count_queued(platform)


async def test_without_an_address_the_status_links_to_pushpaka(platform: Platform) -> None:
    _, issued_webhook = await project_with_webhook(platform)
    await deliver_push(platform, issued_webhook, platform.commit(Procfile="worker: ./work\n"))
    await send_all(platform)
    await platform.work()
    await platform.worker_services.outbox_sender.send_due()

    (success,) = platform.webhook_client.requests
    assert "http://api.localhost" == json.loads(success.body)["target_url"]


async def test_failed_and_superseded_deployments_are_reported(platform: Platform) -> None:
    _, issued_webhook = await project_with_webhook(platform)
    commits = [platform.commit() for _ in range(3)]
    for commit in commits:
        await deliver_push(platform, issued_webhook, commit)
    platform.builder.failure = BuildError("The secret plan failed.")
    await platform.work()
    await platform.worker_services.outbox_sender.send_due()
    bodies = [posted.body for posted in platform.webhook_client.requests]

    calls = await send_all(platform)

    assert not any(b"secret plan" in body for body in bodies)
    assert {
        *((commit, "pending") for commit in commits),
        *((commit, "error") for commit in commits[:2]),
        (commits[2], "failure"),
    } == set(calls)


async def test_a_preview_is_reported_with_its_own_url(platform: Platform) -> None:
    project, issued_webhook = await project_with_webhook(platform)
    commit = platform.commit()
    preview = await platform.enqueue(project, target="preview:main", commit_sha=commit)
    await platform.work()
    await send_all(platform)
    await deliver(platform, issued_webhook, branch_deleted(GitProvider.GITEA, "elsewhere"))
    assert [] == await send_all(platform)

    again = await platform.enqueue(project, target="preview:main", commit_sha=commit)
    await platform.worker_services.outbox_sender.send_due()

    body = json.loads(platform.webhook_client.requests[-1].body)
    assert "pushpaka/shop/preview" == body["context"]
    assert f"http://shop--{again.id.hex[:8]}.localhost" == body["target_url"]
    assert preview.id != again.id


async def test_statuses_are_retried_in_order_after_an_outage(platform: Platform) -> None:
    _, issued_webhook = await project_with_webhook(platform)
    commit = platform.commit()
    await deliver_push(platform, issued_webhook, commit)
    platform.webhook_client.failures.extend([AWAY, AWAY])
    running = await platform.work()
    first = await send_all(platform)
    platform.clock.advance(10)
    second = await send_all(platform)

    platform.clock.advance(20)
    third = await send_all(platform)

    assert "running" == running.status
    assert ([], []) == (first, second)
    assert [(commit, "pending"), (commit, "success")] == third


async def test_delivery_is_given_up_after_hours(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    _, issued_webhook = await project_with_webhook(platform)
    await deliver_push(platform, issued_webhook, platform.commit())
    platform.webhook_client.failures.extend([AWAY] * 12)

    for _ in range(12):
        await platform.worker_services.outbox_sender.send_due()
        platform.clock.advance(3600)

    assert 0 == await count_queued(platform)
    assert "after the last retry" in caplog.text


@pytest.mark.parametrize(
    "settings", [{"git_token": None}, {"repo_url": "https://git.example.com/app"}]
)
async def test_nothing_is_sent_without_a_token(
    platform: Platform, settings: dict[str, Any]
) -> None:
    platform.source.repositories["https://git.example.com/app"] = {"main": []}
    _, issued_webhook = await project_with_webhook(platform, **settings)

    await deliver_push(platform, issued_webhook, platform.commit())

    assert [] == await send_all(platform)
    assert 0 == await count_queued(platform)


async def test_nothing_is_sent_without_a_webhook(platform: Platform) -> None:
    project = await platform.project("shop", git_token="t0ken")
    deployment = await platform.enqueue(project, commit_sha=platform.commit())
    first = await send_all(platform)
    other, issued_webhook = await project_with_webhook(platform, name="other")
    await deliver_push(platform, issued_webhook, platform.commit())
    changes = ProjectChanges(git_token=None)
    await platform.application.projects.change(platform.owner, other.id, changes)

    assert isinstance(deployment, Deployment)
    assert ([], []) == (first, await send_all(platform))
    assert 0 == await count_queued(platform)
