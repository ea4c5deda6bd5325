"""Forges hear what becomes of commits, in order, and again where they were away."""

import json
from typing import Any

import pytest
from tests.deliveries import branch_deleted, push
from tests.services.platform import Platform

from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.projects import Project, ProjectChanges
from pushpaka_core.domain.webhooks import Forge, NewWebhook
from pushpaka_core.errors import BuildError, DeliveryRefusedError, ReceiverUnavailableError
from pushpaka_core.services.webhooks import IssuedWebhook

pytestmark = pytest.mark.anyio

AWAY = ReceiverUnavailableError("git.example.com does not answer.")


async def with_webhook(platform: Platform, **settings: Any) -> tuple[Project, IssuedWebhook]:
    """Return a project with a token and a webhook."""
    project = await platform.project(**({"git_token": "t0ken"} | settings))
    new = NewWebhook(project_id=project.id, provider=Forge.GITEA, previews=True)
    return project, await platform.application.webhooks.add(platform.owner, new)


async def pushed(platform: Platform, issued: IssuedWebhook, commit: str) -> None:
    """Tell of a push to main."""
    delivery = push(Forge.GITEA, "main", commit)
    headers = {name.lower(): value for name, value in delivery.headers(issued.secret).items()}
    await platform.application.deliveries.receive(issued.webhook.id, headers, delivery.body)


async def told(platform: Platform) -> list[tuple[str, str]]:
    """Send what is due until nothing is, and return the commits and states that were told."""
    for _ in range(9):
        await platform.engine.sending.send()
    posted = platform.poster.posted
    calls = [(each.url[-40:], json.loads(each.body)["state"]) for each in posted]
    platform.poster.posted.clear()
    return calls


async def waiting(platform: Platform) -> int:
    """Return how many messages will be due some day."""
    platform.clock.tick(10**9)
    async with platform.storage.snapshot() as uow:
        return len(await uow.outbox.due(platform.clock(), limit=99, each=99))


async def test_a_push_is_pending_then_deployed(platform: Platform) -> None:
    """The forge hears both, with the address of the project."""
    _, issued = await with_webhook(platform)
    commit = platform.commit()
    await pushed(platform, issued, commit)
    first = await told(platform)
    await platform.work()
    await platform.engine.sending.send()

    (success,) = platform.poster.posted
    assert [(commit, "pending")] == first
    assert f"https://git.example.com/api/v1/repos/ann/app/statuses/{commit}" == success.url
    assert "token t0ken" == success.headers["Authorization"]
    assert {
        "state": "success",
        "context": "pushpaka/shop",
        "description": "It is deployed.",
        "target_url": "http://shop.localhost",
    } == json.loads(success.body)
    assert 0 == await waiting(platform)


async def test_failures_and_what_is_superseded_are_told(platform: Platform) -> None:
    """Without what the log says: it is not for everybody who sees the commit."""
    _, issued = await with_webhook(platform)
    commits = [platform.commit() for _ in range(3)]
    for commit in commits:
        await pushed(platform, issued, commit)
    platform.builder.failure = BuildError("The secret plan failed.")
    await platform.work()
    await platform.engine.sending.send()
    bodies = [posted.body for posted in platform.poster.posted]

    calls = await told(platform)

    assert not any(b"secret plan" in body for body in bodies)
    assert {
        *((commit, "pending") for commit in commits),
        *((commit, "error") for commit in commits[:2]),
        (commits[2], "failure"),
    } == set(calls)


async def test_a_preview_is_told_with_its_own_address(platform: Platform) -> None:
    """On a line of its own: the same commit may be in production as well."""
    project, issued = await with_webhook(platform)
    commit = platform.commit()
    preview = await platform.queued(project, target="preview:main", commit_sha=commit)
    await platform.work()
    await told(platform)
    await _end(platform, issued)
    assert [] == await told(platform)

    again = await platform.queued(project, target="preview:main", commit_sha=commit)
    await platform.engine.sending.send()

    body = json.loads(platform.poster.posted[-1].body)
    assert "pushpaka/shop/preview" == body["context"]
    assert f"http://shop--{again.id.hex[:8]}.localhost" == body["target_url"]
    assert preview.id != again.id


async def _end(platform: Platform, issued: IssuedWebhook) -> None:
    delivery = branch_deleted(Forge.GITEA, "elsewhere")
    headers = {name.lower(): value for name, value in delivery.headers(issued.secret).items()}
    await platform.application.deliveries.receive(issued.webhook.id, headers, delivery.body)


async def test_a_forge_that_is_away_is_told_later_and_in_order(platform: Platform) -> None:
    """The deployment has long been serving meanwhile."""
    _, issued = await with_webhook(platform)
    commit = platform.commit()
    await pushed(platform, issued, commit)
    platform.poster.failures.extend([AWAY, AWAY])
    running = await platform.work()
    first = await told(platform)
    platform.clock.tick(10)
    second = await told(platform)

    platform.clock.tick(20)
    third = await told(platform)

    assert "running" == running.status
    assert ([], []) == (first, second)
    assert [(commit, "pending"), (commit, "success")] == third


async def test_what_is_refused_is_given_up(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, in the server's log, and without the token."""
    _, issued = await with_webhook(platform)
    await pushed(platform, issued, platform.commit())
    platform.poster.failures.append(DeliveryRefusedError("git.example.com answers 404."))

    calls = await told(platform)

    assert [] == calls
    assert 0 == await waiting(platform)
    assert "a message (commit_status) is given up: git.example.com answers 404." in caplog.text
    assert "t0ken" not in caplog.text


async def test_what_nobody_takes_is_given_up_after_hours(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    """A forge that is gone for good does not fill the database."""
    _, issued = await with_webhook(platform)
    await pushed(platform, issued, platform.commit())
    platform.poster.failures.extend([AWAY] * 12)

    for _ in range(12):
        await platform.engine.sending.send()
        platform.clock.tick(3600)

    assert 0 == await waiting(platform)
    assert "is given up after hours" in caplog.text


@pytest.mark.parametrize(
    "settings", [{"git_token": None}, {"repo_url": "https://git.example.com/app"}]
)
async def test_nobody_is_told_where_nothing_opens_a_forge(
    platform: Platform, settings: dict[str, Any]
) -> None:
    """Without a token, or a repository that a forge could have."""
    platform.source.repositories["https://git.example.com/app"] = {"main": []}
    _, issued = await with_webhook(platform, **settings)

    await pushed(platform, issued, platform.commit())

    assert [] == await told(platform)
    assert 0 == await waiting(platform)


async def test_nobody_is_told_without_a_webhook(platform: Platform) -> None:
    """Which says what kind of a forge it is; a token that is taken back counts as well."""
    project = await platform.project("shop", git_token="t0ken")
    deployment = await platform.queued(project, commit_sha=platform.commit())
    first = await told(platform)
    other, issued = await with_webhook(platform, name="other")
    await pushed(platform, issued, platform.commit())
    changes = ProjectChanges(git_token=None)
    await platform.application.projects.change(platform.owner, other.id, changes)

    assert isinstance(deployment, Deployment)
    assert ([], []) == (first, await told(platform))
    assert 0 == await waiting(platform)
