"""Notifications about deployments are delivered, and retried if the receiver is unavailable."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable

import pytest
from attrs import evolve
from tests.platform_fixtures import WEB_APP, Platform
from tests.service_fixtures import HookedStorage
from tests.services.integrations.test_commit_statuses import count_queued

from pushpaka_core.adapters.memory.images import MemoryImage
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.integrations.notifications import (
    CHANNELS,
    NewNotificationChannel,
    NotificationTrigger,
)
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import (
    BuildError,
    DeliveryRejectedError,
    InvalidInputError,
    ReceiverUnavailableError,
)
from pushpaka_core.services.integrations.notification_sender import NotificationSender
from pushpaka_core.services.integrations.notifications import IssuedChannel
from pushpaka_core.testing.unpacker import chunks_of, tar_archive

pytestmark = pytest.mark.anyio

SLACK = "slack://TokenA/TokenB/TokenC/#general"
WEBHOOK = "https://hooks.example.com/deployed"
UNAVAILABLE = ReceiverUnavailableError("hooks.example.com does not respond.")


async def add_channel(
    platform: Platform, project: Project, url: str, *events: NotificationTrigger
) -> IssuedChannel:
    """Add a notification channel to a project, for *events*, or for all events by default."""
    wanted = events or tuple(NotificationTrigger)
    new = NewNotificationChannel(project_id=project.id, url=url, events=wanted)
    return await platform.application.notifications.add(platform.owner, new)


async def deploy(platform: Platform, project: Project) -> Deployment:
    """Deploy a project, and return the deployment, which may have failed."""
    platform.commit()
    await platform.enqueue(project)
    return await platform.work()


async def sent_titles(platform: Platform) -> list[str]:
    """Send all messages that are due, and return the titles of all notifications."""
    for _ in range(9):
        await platform.worker_services.outbox_sender.send_due()
    return [title for _, title, _ in platform.notification_gateway.sent]


async def test_success_and_failure_are_notified(platform: Platform, shop: Project) -> None:
    await add_channel(platform, shop, SLACK)
    await deploy(platform, shop)
    platform.builder.failure = BuildError("The build ended with exit code 2.")
    await deploy(platform, shop)

    assert ["shop is deployed", "shop could not be deployed"] == await sent_titles(platform)
    (_, _, success), (url, _, failure) = platform.notification_gateway.sent
    assert SLACK == url
    assert success.endswith("is available at http://shop.localhost")
    assert "The build ended with exit code 2." in failure
    assert 0 == await count_queued(platform)


async def test_the_notification_of_a_folder_has_its_size(platform: Platform) -> None:
    folder = await platform.project("folder", repo_url="archive:")
    await add_channel(platform, folder, SLACK)
    content = tar_archive(WEB_APP)
    sha256 = hashlib.sha256(content).hexdigest()
    archives = platform.application.archives
    await archives.receive(
        platform.owner, folder.id, sha256, chunks_of(content), max_size=len(content)
    )

    await platform.enqueue(folder, archive=sha256)
    running = await platform.work()
    await platform.application.deployments.rollback(platform.owner, running.id)
    await platform.work()

    assert ["folder is deployed"] * 2 == await sent_titles(platform)
    message = "Local folder, 1 file (13 B) is available at http://folder.localhost"
    assert [message] * 2 == [text for _, _, text in platform.notification_gateway.sent]


async def test_workers_are_running_without_an_address(platform: Platform, shop: Project) -> None:
    await add_channel(platform, shop, SLACK, NotificationTrigger.SUCCESS)
    platform.commit(Procfile="worker: ./work\n")
    await platform.deploy(shop)

    await platform.worker_services.outbox_sender.send_due()

    ((_, _, text),) = platform.notification_gateway.sent
    assert text.endswith(" is running without an address")


async def test_the_notification_of_an_image_has_its_tag(platform: Platform) -> None:
    platform.image_source.images["ghcr.io/acme/shop:1.4"] = MemoryImage()
    project = await platform.project("image", repo_url="image:ghcr.io/acme/shop:1.4")
    await add_channel(platform, project, SLACK)

    running = await platform.deploy(project)

    assert ["image is deployed"] == await sent_titles(platform)
    ((_, _, text),) = platform.notification_gateway.sent
    assert f"{running.image} is available at http://image.localhost" == text


async def test_crashes_are_notified_once_an_hour(platform: Platform, shop: Project) -> None:
    await add_channel(platform, shop, SLACK, NotificationTrigger.CRASH)
    running = await deploy(platform, shop)

    for _ in range(3):
        platform.runtime.crash((await platform.instance(running.id)).name, "exited with code 1")
        await platform.worker_services.instance_supervisor.check_all()
        restart_at = (await platform.instance(running.id)).restart_at
        assert restart_at is not None
        platform.clock.now = restart_at
        for _ in range(3):
            await platform.worker_services.instance_supervisor.check_all()
    first = await sent_titles(platform)
    platform.clock.advance(3600)
    platform.runtime.crash((await platform.instance(running.id)).name, "exited with code 1")
    await platform.worker_services.instance_supervisor.check_all()

    assert ["shop has crashed"] == first
    assert ["shop has crashed"] * 2 == await sent_titles(platform)


async def test_webhook_requests_are_signed(platform: Platform, shop: Project) -> None:
    issued = await add_channel(platform, shop, WEBHOOK)
    running = await deploy(platform, shop)

    await platform.worker_services.outbox_sender.send_due()

    (posted,) = platform.notification_client.requests
    payload = json.loads(posted.body)
    assert issued.secret is not None
    signed = f"{posted.headers['webhook-id']}.{posted.headers['webhook-timestamp']}.".encode()
    key = b64decode(issued.secret.removeprefix("whsec_"))
    digest = hmac.digest(key, signed + posted.body, "sha256")
    assert WEBHOOK == posted.url
    assert f"v1,{b64encode(digest).decode()}" == posted.headers["webhook-signature"]
    assert str(int(platform.clock().timestamp())) == posted.headers["webhook-timestamp"]
    assert "deployment.success" == payload["type"]
    assert (str(running.id), "shop", "production", running.commit_sha) == (
        payload["data"]["deployment_id"],
        payload["data"]["project"],
        payload["data"]["target"],
        payload["data"]["commit_sha"],
    )


async def test_rejected_notifications_are_given_up_without_logging_urls(
    platform: Platform, shop: Project, caplog: pytest.LogCaptureFixture
) -> None:
    await add_channel(platform, shop, SLACK)
    platform.notification_gateway.failures.append(DeliveryRejectedError("No service is known."))
    await deploy(platform, shop)

    assert [] == await sent_titles(platform)
    assert 0 == await count_queued(platform)
    assert (
        "Dropped a message (notification) that the receiver rejected: No service is known."
        in caplog.text
    )
    assert "Token" not in caplog.text


async def test_a_channel_shows_the_result_of_its_last_notification(
    platform: Platform, shop: Project
) -> None:
    await add_channel(platform, shop, WEBHOOK)
    platform.notification_client.failures.append(UNAVAILABLE)
    await deploy(platform, shop)

    await platform.worker_services.outbox_sender.send_due()
    (missed,) = await platform.application.notifications.all(platform.owner)
    platform.clock.advance(10)
    await platform.worker_services.outbox_sender.send_due()
    (stored_channel,) = await platform.application.notifications.all(platform.owner)

    assert (None, "*** does not respond.") == (missed.delivered_at, missed.error)
    assert (platform.clock(), None) == (stored_channel.delivered_at, stored_channel.error)


async def test_a_test_notification_is_sent_once_and_shows_its_result(
    platform: Platform, shop: Project
) -> None:
    url = (await add_channel(platform, shop, WEBHOOK)).channel.id
    people = (await add_channel(platform, shop, SLACK)).channel.id
    platform.notification_client.failures += [UNAVAILABLE, UNAVAILABLE]
    platform.notification_gateway.failures.append(DeliveryRejectedError("No service is known."))
    await deploy(platform, shop)
    await platform.worker_services.outbox_sender.send_due()

    for channel_id in (url, url, people):
        await platform.application.notifications.test(platform.owner, channel_id)
    await platform.worker_services.outbox_sender.send_due()
    (_, missed) = await platform.application.notifications.all(platform.owner)
    await platform.application.notifications.test(platform.owner, url)
    await platform.worker_services.outbox_sender.send_due()
    (_, stored_channel) = await platform.application.notifications.all(platform.owner)

    assert ["shop: test notification"] == [
        title for _, title, _ in platform.notification_gateway.sent
    ]
    assert ["test"] == [json.loads(p.body)["type"] for p in platform.notification_client.requests]
    assert (None, "*** does not respond.") == (missed.delivered_at, missed.error)
    assert (platform.clock(), None) == (stored_channel.delivered_at, stored_channel.error)
    assert 1 == await count_queued(platform)


async def test_a_change_during_a_delivery_is_kept(platform: Platform, shop: Project) -> None:
    channel = (await add_channel(platform, shop, SLACK)).channel
    renewed = evolve(channel, url=platform.adapters.cipher.encrypt(SLACK, context="renewed"))

    async def renew() -> None:
        async with platform.storage.transaction() as uow:
            await uow.entities(CHANNELS).update(renewed)

    await send_and_change(platform, shop, before_result=renew)

    (stored_channel,) = await platform.application.notifications.all(platform.owner)
    assert renewed.after_delivery(now=platform.clock()) == stored_channel


async def test_a_channel_deleted_during_a_delivery_stays_deleted(
    platform: Platform, shop: Project
) -> None:
    channel = (await add_channel(platform, shop, SLACK)).channel

    async def delete() -> None:
        await platform.application.notifications.delete(platform.owner, channel.id)

    await send_and_change(platform, shop, before_result=delete)

    assert [] == list(await platform.application.notifications.all(platform.owner))


async def send_and_change(
    platform: Platform, project: Project, *, before_result: Callable[[], Awaitable[object]]
) -> None:
    """Send a notification, and call *before_result* before its result is stored."""
    await deploy(platform, project)
    async with platform.storage.snapshot() as uow:
        (message,) = await uow.outbox.list_due(platform.clock(), limit=9, limit_per_owner=9)
    sender = NotificationSender(
        storage=HookedStorage(platform.storage, before_transaction=before_result),
        cipher=platform.adapters.cipher,
        webhook_client=platform.notification_client,
        notification_gateway=platform.notification_gateway,
        public_urls=platform.options.public_urls,
        now=platform.clock,
    )
    await sender.send(message)
    assert ["shop is deployed"] == [title for _, title, _ in platform.notification_gateway.sent]


async def test_a_deleted_channel_gets_no_notifications(platform: Platform, shop: Project) -> None:
    issued = await add_channel(platform, shop, SLACK)
    await deploy(platform, shop)

    await platform.application.notifications.delete(platform.owner, issued.channel.id)

    assert [] == await sent_titles(platform)
    assert 0 == await count_queued(platform)


async def test_without_apprise_only_webhooks_are_accepted(
    platform: Platform, shop: Project
) -> None:
    platform.notification_gateway.is_installed = False

    await add_channel(platform, shop, WEBHOOK)
    with pytest.raises(InvalidInputError, match=r"pushpaka\[notifications\]"):
        await add_channel(platform, shop, SLACK)


async def test_an_app_that_keeps_crashing_is_notified_each_hour(
    platform: Platform, shop: Project
) -> None:
    """Crashes in between do not postpone the next notification."""
    await add_channel(platform, shop, SLACK, NotificationTrigger.CRASH)
    running = await deploy(platform, shop)

    for _ in range(5):
        platform.runtime.crash((await platform.instance(running.id)).name, "exited with code 1")
        await platform.worker_services.instance_supervisor.check_all()
        platform.clock.advance(1800)
        for _ in range(3):
            await platform.worker_services.instance_supervisor.check_all()

    assert ["shop has crashed"] * 3 == await sent_titles(platform)
