"""Webhooks: made, given new secrets and taken away by the owner of their project."""

import pytest
from attrs import evolve
from tests.services.world import World

from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.webhooks import Forge, NewWebhook, WebhookId
from pushpaka_core.errors import NotAllowedError, NotFoundError
from pushpaka_core.testing.objects import an_id

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(world: World, ann: Actor) -> Project:
    return await world.project(ann, "shop")


def a_new(project: Project) -> NewWebhook:
    return NewWebhook(project_id=project.id, provider=Forge.GITHUB)


async def test_a_webhook_is_made_with_a_secret_of_its_own(
    world: World, ann: Actor, shop: Project
) -> None:
    """It is told once, kept encrypted, and without previews unless they are asked for."""
    one, other = (
        await world.webhooks.add(ann, a_new(shop)),
        await world.webhooks.add(
            ann, evolve(a_new(shop), provider=Forge.GITLAB, previews=True, forks=True)
        ),
    )

    assert [other.webhook, one.webhook] == await world.webhooks.all(ann)
    assert (False, False, True, True) == (
        one.webhook.previews,
        one.webhook.forks,
        other.webhook.previews,
        other.webhook.forks,
    )
    assert 64 == len(one.secret)
    assert one.secret != other.secret
    assert one.secret not in repr(one)
    assert one.secret.encode() != one.webhook.secret.ciphertext
    assert ("webhook.added", "shop") == (await world.trail(ann))[0]


async def test_a_new_secret_takes_the_place_of_the_old_one(
    world: World, ann: Actor, shop: Project
) -> None:
    """The address stays."""
    made = await world.webhooks.add(ann, a_new(shop))
    world.clock.tick(60)

    renewed = await world.webhooks.rotate(ann, made.webhook.id)

    assert made.secret != renewed.secret
    assert [renewed.webhook] == await world.webhooks.all(ann)
    assert made.webhook.id == renewed.webhook.id
    assert renewed.webhook.updated_at > made.webhook.updated_at
    assert ("webhook.rotated", None) == (await world.trail(ann))[0]


async def test_a_webhook_is_taken_away(world: World, ann: Actor, shop: Project) -> None:
    """Nothing of it is left."""
    made = await world.webhooks.add(ann, a_new(shop))

    await world.webhooks.delete(ann, made.webhook.id)

    async with world.storage.snapshot() as uow:
        assert [] == list(await uow.webhooks.visible_to(PLATFORM).all())
    assert ("webhook.removed", None) == (await world.trail(ann))[0]


async def test_only_the_owner_with_the_full_scope_has_a_say(
    world: World, ann: Actor, bob: Actor, shop: Project
) -> None:
    """To others neither the project nor the webhook exists."""
    made = await world.webhooks.add(ann, a_new(shop))
    weak, unknown = evolve(ann, scope=Scope.DEPLOY), WebhookId(an_id())

    with pytest.raises(NotFoundError, match="no such project"):
        await world.webhooks.add(bob, a_new(shop))
    for actor, webhook_id in ((bob, made.webhook.id), (ann, unknown)):
        with pytest.raises(NotFoundError, match="no such webhook"):
            await world.webhooks.rotate(actor, webhook_id)
        with pytest.raises(NotFoundError, match="no such webhook"):
            await world.webhooks.delete(actor, webhook_id)
    with pytest.raises(NotAllowedError):
        await world.webhooks.add(weak, a_new(shop))
    with pytest.raises(NotAllowedError):
        await world.webhooks.rotate(weak, made.webhook.id)
    with pytest.raises(NotAllowedError):
        await world.webhooks.delete(weak, made.webhook.id)
    assert [] == list(await world.webhooks.all(bob))
