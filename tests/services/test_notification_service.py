"""Notifications: owners say who is told of what, and nobody sees the addresses again."""

import pytest
from attrs import evolve
from tests.services.world import World

from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.notifications import ChannelId, NewChannel
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import InvalidInputError, NotAllowedError, NotFoundError, SettingsError
from pushpaka_core.services.key_rings import require_keys
from pushpaka_core.testing.objects import an_id

pytestmark = pytest.mark.anyio

SLACK = "slack://TokenA/TokenB/TokenC/#general"
WEBHOOK = "https://hooks.example.com/deployed"


@pytest.fixture
async def shop(world: World, ann: Actor) -> Project:
    return await world.project(ann, "shop")


async def test_a_channel_is_kept_with_its_address_encrypted(
    world: World, ann: Actor, shop: Project
) -> None:
    """Of the address only the service is seen, in the trail as in the list."""
    issued = await world.notifications.add(ann, NewChannel(project_id=shop.id, url=SLACK))

    assert [issued.channel] == list(await world.notifications.all(ann))
    assert ("slack", None) == (issued.channel.service, issued.secret)
    assert "Token" not in repr(issued)
    assert b"Token" not in issued.channel.url.ciphertext
    assert ("notification.added", "shop") == (await world.trail(ann))[0]


async def test_a_webhook_gets_a_secret_that_is_shown_once(
    world: World, ann: Actor, shop: Project
) -> None:
    """In the form in which libraries for such webhooks take it, and each another one."""
    new = NewChannel(project_id=shop.id, url=WEBHOOK)
    one, other = [await world.notifications.add(ann, new) for _ in range(2)]

    assert one.secret is not None
    assert one.secret.startswith("whsec_")
    assert one.secret != other.secret
    assert one.secret not in repr(one)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "slack",
        "slack://",
        "SLACK://x",
        "slack://a b",
        "slack://a\nb",
        "https://",
        "https://user:password@example.com/",
        "https://example.com:0/",
        "http://[::1/",
        f"slack://{'x' * 2001}",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """As a wrong field, whose value is not repeated."""
    with pytest.raises(InvalidInputError) as caught:
        NewChannel(project_id=Project.__name__, url=url)  # type: ignore[arg-type]  # any id

    assert ["url"] == list(caught.value.problems)


async def test_a_channel_is_taken_away(world: World, ann: Actor, shop: Project) -> None:
    """By its owner."""
    issued = await world.notifications.add(ann, NewChannel(project_id=shop.id, url=SLACK))

    await world.notifications.delete(ann, issued.channel.id)

    async with world.storage.snapshot() as uow:
        assert [] == list(await uow.channels.visible_to(PLATFORM).all())
    assert ("notification.removed", None) == (await world.trail(ann))[0]


async def test_only_the_owner_with_the_full_scope_has_a_say(
    world: World, ann: Actor, bob: Actor, shop: Project
) -> None:
    """To others neither the project nor the channel exists."""
    new = NewChannel(project_id=shop.id, url=SLACK)
    channel = (await world.notifications.add(ann, new)).channel
    weak = evolve(ann, scope=Scope.DEPLOY)

    with pytest.raises(NotFoundError, match="no such project"):
        await world.notifications.add(bob, new)
    for actor, channel_id in ((bob, channel.id), (ann, ChannelId(an_id()))):
        with pytest.raises(NotFoundError, match="no such channel"):
            await world.notifications.delete(actor, channel_id)
    with pytest.raises(NotAllowedError):
        await world.notifications.add(weak, new)
    with pytest.raises(NotAllowedError):
        await world.notifications.delete(weak, channel.id)
    assert [] == list(await world.notifications.all(bob))


async def test_the_ring_needs_the_keys_of_addresses(
    world: World, ann: Actor, shop: Project
) -> None:
    """A process that could not open them does not start."""
    await world.notifications.add(ann, NewChannel(project_id=shop.id, url=SLACK))

    with pytest.raises(SettingsError, match="are not here: memory"):
        await require_keys(world.storage, [])
