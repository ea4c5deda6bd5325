"""Notification channels: permissions, and URLs that are never shown."""

import pytest
from tests.service_fixtures import Services

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.integrations.notifications import (
    CHANNELS,
    MAX_CHANNELS,
    NewNotificationChannel,
)
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import ConflictError, InvalidInputError, SettingsError
from pushpaka_core.services.platform.key_rotation import require_keys

pytestmark = pytest.mark.anyio

SLACK = "slack://TokenA/TokenB/TokenC/#general"
WEBHOOK = "https://hooks.example.com/deployed"


@pytest.fixture
async def shop(services: Services, ann: Actor) -> Project:
    return await services.project(ann, "shop")


async def test_the_url_of_a_channel_is_stored_encrypted(
    services: Services, ann: Actor, shop: Project
) -> None:
    issued = await services.notifications.add(
        ann, NewNotificationChannel(project_id=shop.id, url=SLACK)
    )

    assert [issued.channel] == list(await services.notifications.all(ann))
    assert ("slack", None) == (issued.channel.service, issued.secret)
    assert "Token" not in repr(issued)
    assert b"Token" not in issued.channel.url.ciphertext
    assert ("notification.added", "shop") == (await services.audit_trail(ann))[0]


async def test_a_project_has_a_limit_of_channels(
    services: Services, ann: Actor, shop: Project
) -> None:
    for _ in range(MAX_CHANNELS):
        await services.notifications.add(
            ann, NewNotificationChannel(project_id=shop.id, url=WEBHOOK)
        )

    with pytest.raises(ConflictError, match="the maximum of 100 notification channels"):
        await services.notifications.add(
            ann, NewNotificationChannel(project_id=shop.id, url=WEBHOOK)
        )


async def test_the_secret_of_a_webhook_is_shown_once(
    services: Services, ann: Actor, shop: Project
) -> None:
    new = NewNotificationChannel(project_id=shop.id, url=WEBHOOK)
    one, other = [await services.notifications.add(ann, new) for _ in range(2)]

    assert one.secret is not None
    assert one.secret.startswith("whsec_")
    assert one.secret != other.secret
    assert one.secret not in repr(one)


@pytest.mark.parametrize(
    "url",
    [
        *["", "slack", "slack://", "SLACK://x", "slack://a b", "slack://a\nb", "https://"],
        *["https://user:password@example.com/", "https://example.com:0/", "http://[::1/"],
        f"slack://{'x' * 2048}",
    ],
)
def test_an_invalid_url_is_rejected(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        NewNotificationChannel(project_id=Project.__name__, url=url)  # type: ignore[arg-type]  # any id

    assert ["url"] == list(caught.value.problems)


async def test_a_channel_is_deleted(services: Services, ann: Actor, shop: Project) -> None:
    issued = await services.notifications.add(
        ann, NewNotificationChannel(project_id=shop.id, url=SLACK)
    )

    await services.notifications.delete(ann, issued.channel.id)

    async with services.storage.snapshot() as uow:
        assert [] == list(await uow.entities(CHANNELS).visible_to(PLATFORM).all())
    assert ("notification.removed", None) == (await services.audit_trail(ann))[0]


async def test_keys_of_channel_urls_are_not_pruned(
    services: Services, ann: Actor, shop: Project
) -> None:
    await services.notifications.add(ann, NewNotificationChannel(project_id=shop.id, url=SLACK))

    with pytest.raises(SettingsError, match="are missing here: memory"):
        await require_keys(services.storage, [])
