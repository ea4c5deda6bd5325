"""Whoever wants to know hears how deployments end, later where they were away."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode

import pytest
from tests.services.platform import WEB_APP, Platform

from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.notifications import NewChannel
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import (
    BuildError,
    DeliveryRefusedError,
    InvalidInputError,
    ReceiverUnavailableError,
)
from pushpaka_core.services.notifications import IssuedChannel
from pushpaka_core.testing.unpacker import in_pieces, packed

pytestmark = pytest.mark.anyio

SLACK = "slack://TokenA/TokenB/TokenC/#general"
WEBHOOK = "https://hooks.example.com/deployed"
AWAY = ReceiverUnavailableError("hooks.example.com does not answer.")


@pytest.fixture
async def shop(platform: Platform) -> Project:
    return await platform.project("shop")


async def told_at(
    platform: Platform, project: Project, url: str, *, success: bool = True
) -> IssuedChannel:
    """Have somebody told of a project."""
    new = NewChannel(project_id=project.id, url=url, success=success)
    return await platform.application.notifications.add(platform.owner, new)


async def deployed(platform: Platform, project: Project) -> Deployment:
    """Deploy a project, to whatever end."""
    platform.commit()
    await platform.queued(project)
    return await platform.work()


async def titles(platform: Platform) -> list[str]:
    """Send what is due until nothing is, and return what people were told."""
    for _ in range(9):
        await platform.engine.sending.send()
    return [title for _, title, _ in platform.messenger.told]


async def waiting(platform: Platform) -> int:
    """Return how many messages will be due some day."""
    platform.clock.tick(10**9)
    async with platform.storage.snapshot() as uow:
        return len(await uow.outbox.due(platform.clock(), limit=99, each=99))


async def test_people_are_told_of_success_and_failure(platform: Platform, shop: Project) -> None:
    """With the address, or with what went wrong."""
    await told_at(platform, shop, SLACK)
    await deployed(platform, shop)
    platform.builder.failure = BuildError("The build ended with exit code 2.")
    await deployed(platform, shop)

    assert ["shop is deployed", "shop could not be deployed"] == await titles(platform)
    (_, _, success), (url, _, failure) = platform.messenger.told
    assert SLACK == url
    assert success.endswith("answers at http://shop.localhost")
    assert "The build ended with exit code 2." in failure
    assert 0 == await waiting(platform)


async def test_of_a_folder_people_are_told_how_large_it_is(platform: Platform) -> None:
    """There is no commit that it could be known by, nor by a rollback to it."""
    folder = await platform.project("folder", repo_url="archive:")
    await told_at(platform, folder, SLACK)
    content = packed(WEB_APP)
    sha256 = hashlib.sha256(content).hexdigest()
    archives = platform.application.archives
    await archives.receive(platform.owner, folder.id, sha256, in_pieces(content))

    await platform.queued(folder, archive=sha256)
    running = await platform.work()
    await platform.application.deployments.rollback(platform.owner, running.id)
    await platform.work()

    assert ["folder is deployed"] * 2 == await titles(platform)
    said = "Local folder, 1 file (13 B) answers at http://folder.localhost"
    assert [said] * 2 == [text for _, _, text in platform.messenger.told]


async def test_a_crash_is_told_once_in_an_hour(platform: Platform, shop: Project) -> None:
    """What goes up and down all the time does not wake anybody each time."""
    await told_at(platform, shop, SLACK, success=False)
    running = await deployed(platform, shop)

    for _ in range(3):
        platform.runtime.crash((await platform.instance(running.id)).name, "exited with code 1")
        await platform.engine.tending.tend()
        restart_at = (await platform.instance(running.id)).restart_at
        assert restart_at is not None
        platform.clock.now = restart_at
        await platform.engine.tending.tend()
        await platform.engine.tending.tend()
    first = await titles(platform)
    platform.clock.tick(3600)
    platform.runtime.crash((await platform.instance(running.id)).name, "exited with code 1")
    await platform.engine.tending.tend()

    assert ["shop has crashed"] == first
    assert ["shop has crashed"] * 2 == await titles(platform)


async def test_programs_are_told_by_signed_requests(platform: Platform, shop: Project) -> None:
    """As Standard Webhooks says: whoever has the secret knows who sends what, and when."""
    issued = await told_at(platform, shop, WEBHOOK)
    running = await deployed(platform, shop)

    await platform.engine.sending.send()

    (posted,) = platform.notification_poster.posted
    told = json.loads(posted.body)
    assert issued.secret is not None
    signed = f"{posted.headers['webhook-id']}.{posted.headers['webhook-timestamp']}.".encode()
    key = b64decode(issued.secret.removeprefix("whsec_"))
    digest = hmac.digest(key, signed + posted.body, "sha256")
    assert WEBHOOK == posted.url
    assert f"v1,{b64encode(digest).decode()}" == posted.headers["webhook-signature"]
    assert str(int(platform.clock().timestamp())) == posted.headers["webhook-timestamp"]
    assert "deployment.success" == told["type"]
    assert (str(running.id), "shop", "production", running.commit_sha) == (
        told["data"]["deployment_id"],
        told["data"]["project"],
        told["data"]["target"],
        told["data"]["commit_sha"],
    )


async def test_nobody_waits_for_who_is_away(platform: Platform, shop: Project) -> None:
    """The deployment has long been serving; the same message comes again, others at once."""
    await told_at(platform, shop, WEBHOOK)
    await told_at(platform, shop, SLACK)
    platform.notification_poster.failures.append(AWAY)
    running = await deployed(platform, shop)

    first = await titles(platform)
    platform.clock.tick(10)
    await platform.engine.sending.send()

    assert "running" == running.status
    assert ["shop is deployed"] == first
    assert 1 == len(platform.notification_poster.posted)
    assert 0 == await waiting(platform)


async def test_what_is_refused_is_given_up_and_no_address_is_logged(
    platform: Platform, shop: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """The address has secrets in it."""
    await told_at(platform, shop, SLACK)
    platform.messenger.failures.append(DeliveryRefusedError("No service is known."))
    await deployed(platform, shop)

    assert [] == await titles(platform)
    assert 0 == await waiting(platform)
    assert "a message (notification) is given up: No service is known." in caplog.text
    assert "Token" not in caplog.text


async def test_a_channel_shows_how_it_was_told_last(platform: Platform, shop: Project) -> None:
    """When it took something, and why it did not, without a word of its address."""
    await told_at(platform, shop, WEBHOOK)
    platform.notification_poster.failures.append(AWAY)
    await deployed(platform, shop)

    await platform.engine.sending.send()
    (missed,) = await platform.application.notifications.all(platform.owner)
    platform.clock.tick(10)
    await platform.engine.sending.send()
    (told,) = await platform.application.notifications.all(platform.owner)

    assert (None, "*** does not answer.") == (missed.told_at, missed.error)
    assert (platform.clock(), None) == (told.told_at, told.error)


async def test_a_test_is_sent_once_and_tells_how_it_went(platform: Platform, shop: Project) -> None:
    """Also while the channel waits for its next try, and not for hours as what is to be told."""
    url = (await told_at(platform, shop, WEBHOOK)).channel.id
    people = (await told_at(platform, shop, SLACK)).channel.id
    platform.notification_poster.failures += [AWAY, AWAY]
    platform.messenger.failures.append(DeliveryRefusedError("No service is known."))
    await deployed(platform, shop)
    await platform.engine.sending.send()

    for channel_id in (url, url, people):
        await platform.application.notifications.test(platform.owner, channel_id)
    await platform.engine.sending.send()
    (_, missed) = await platform.application.notifications.all(platform.owner)
    await platform.application.notifications.test(platform.owner, url)
    await platform.engine.sending.send()
    (_, told) = await platform.application.notifications.all(platform.owner)

    assert ["shop: a test"] == [title for _, title, _ in platform.messenger.told]
    assert ["test"] == [json.loads(p.body)["type"] for p in platform.notification_poster.posted]
    assert (None, "*** does not answer.") == (missed.told_at, missed.error)
    assert (platform.clock(), None) == (told.told_at, told.error)
    assert 1 == await waiting(platform)


async def test_who_wants_no_more_is_told_no_more(platform: Platform, shop: Project) -> None:
    """Not even of what was noted before."""
    issued = await told_at(platform, shop, SLACK)
    await deployed(platform, shop)

    await platform.application.notifications.delete(platform.owner, issued.channel.id)

    assert [] == await titles(platform)
    assert 0 == await waiting(platform)


async def test_without_the_library_only_webhooks_are_kept(
    platform: Platform, shop: Project
) -> None:
    """The sentence says what the operator installs."""
    platform.messenger.is_installed = False

    await told_at(platform, shop, WEBHOOK)
    with pytest.raises(InvalidInputError, match=r"pushpaka\[notifications\]"):
        await told_at(platform, shop, SLACK)
