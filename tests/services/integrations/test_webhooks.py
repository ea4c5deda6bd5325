"""Creating and deleting webhooks, and rotating their secrets."""

import pytest
from attrs import evolve
from tests.service_fixtures import Services

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.integrations.webhooks import MAX_WEBHOOKS, GitProvider, NewWebhook
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import ConflictError

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(services: Services, ann: Actor) -> Project:
    return await services.project(ann, "shop")


def new_webhook(project: Project) -> NewWebhook:
    return NewWebhook(project_id=project.id, provider=GitProvider.GITHUB)


async def test_each_webhook_has_its_own_secret(
    services: Services, ann: Actor, shop: Project
) -> None:
    one, other = (
        await services.webhooks.add(ann, new_webhook(shop)),
        await services.webhooks.add(
            ann, evolve(new_webhook(shop), provider=GitProvider.GITLAB, previews=True, forks=True)
        ),
    )

    assert [other.webhook, one.webhook] == await services.webhooks.all(ann)
    found = (one.webhook.previews, one.webhook.forks, other.webhook.previews, other.webhook.forks)
    assert (False, False, True, True) == found
    assert 64 == len(one.secret)
    assert one.secret != other.secret
    assert one.secret not in repr(one)
    assert one.secret.encode() != one.webhook.secret.ciphertext
    assert ("webhook.added", "shop") == (await services.audit_trail(ann))[0]


async def test_a_project_has_a_limit_of_webhooks(
    services: Services, ann: Actor, shop: Project
) -> None:
    for _ in range(MAX_WEBHOOKS):
        await services.webhooks.add(ann, new_webhook(shop))

    with pytest.raises(ConflictError, match="the maximum of 100 webhooks"):
        await services.webhooks.add(ann, new_webhook(shop))


async def test_a_rotated_secret_replaces_the_old_one(
    services: Services, ann: Actor, shop: Project
) -> None:
    made = await services.webhooks.add(ann, new_webhook(shop))
    services.clock.advance(60)

    renewed = await services.webhooks.rotate(ann, made.webhook.id)

    assert made.secret != renewed.secret
    assert [renewed.webhook] == await services.webhooks.all(ann)
    assert made.webhook.id == renewed.webhook.id
    assert renewed.webhook.updated_at > made.webhook.updated_at
    assert ("webhook.rotated", None) == (await services.audit_trail(ann))[0]


async def test_a_webhook_is_deleted(services: Services, ann: Actor, shop: Project) -> None:
    made = await services.webhooks.add(ann, new_webhook(shop))

    await services.webhooks.delete(ann, made.webhook.id)

    async with services.storage.snapshot() as uow:
        assert [] == list(await uow.webhooks.visible_to(PLATFORM).all())
    assert ("webhook.removed", None) == (await services.audit_trail(ann))[0]
