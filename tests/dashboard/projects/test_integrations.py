"""Tests the webhooks, the deploy key and the notifications of a project on the page."""

import re

import pytest
from playwright.async_api import Browser, Locator, expect
from tests.acceptance.tools.people import Json, Person
from tests.dashboard.modules import open_modules
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


@pytest.fixture
async def project(ann: Person) -> Json:
    return await ann.project("https://gitlab.example.com/ann/shop.git")


def dialog(visitor: Visitor) -> Locator:
    """Find the open dialog."""
    return visitor.page.get_by_role("dialog")


async def test_the_secret_of_a_webhook_is_shown_once(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The page links to the Git provider's settings. The user can rotate the secret."""
    await visitor.go(f"/projects/{project['id']}/integrations")

    await visitor.button("Add webhook").click()
    await expect(visitor.page.get_by_label("Git provider")).to_have_value("gitlab")
    await visitor.page.get_by_label("Deploy other branches as previews").check()
    await visitor.confirm("Add")

    await expect(dialog(visitor)).to_contain_text("Secret token")
    (webhook,) = (await ann.ask("GET", "/webhooks"))["data"]
    assert webhook["previews"]
    await expect(dialog(visitor)).to_contain_text("merge request events")
    await expect(dialog(visitor)).to_contain_text(webhook["url"])
    place = dialog(visitor).get_by_role("link")
    await expect(place).to_have_attribute("href", "https://gitlab.example.com/ann/shop/-/hooks")
    first = await dialog(visitor).locator("code").nth(1).inner_text()
    await visitor.button("Done").click()
    assert first not in await visitor.page.content()

    await visitor.button("New secret").click()
    await visitor.confirm("Create")
    await expect(dialog(visitor)).to_contain_text("Secret token")
    assert first != await dialog(visitor).locator("code").nth(1).inner_text()
    await visitor.button("Done").click()

    await visitor.button("Remove the GitLab webhook").click()
    await visitor.confirm("Remove")
    await expect(visitor.heading("Pushes are not deployed yet")).to_be_visible()


async def test_a_deploy_key_can_be_created_replaced_and_removed(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The page shows only the public key."""
    await visitor.go(f"/projects/{project['id']}/integrations")

    await visitor.button("Create deploy key").click()
    public = visitor.page.get_by_text(re.compile("^ssh-ed25519 "))
    await expect(public).to_be_visible()
    first = await public.inner_text()

    await visitor.button("Replace the deploy key").click()
    await visitor.confirm("Replace")
    await expect(dialog(visitor)).to_have_count(0)
    await expect(public).not_to_have_text(first)

    await visitor.button("Remove the deploy key").click()
    await visitor.confirm("Remove")
    await expect(visitor.button("Create deploy key")).to_be_visible()
    assert not (await ann.ask("GET", f"/projects/{project['id']}"))["has_deploy_key"]


async def test_notification_channel_can_be_added_and_removed(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The secret is shown once, and the URL is never shown again."""
    await visitor.go(f"/projects/{project['id']}/integrations")

    await visitor.button("Add channel").click()
    await visitor.page.get_by_label("Service").select_option("webhook")
    await visitor.page.get_by_label("URL", exact=True).fill("https://news.example.com/secret-path")
    await visitor.page.get_by_label("When a deployment succeeds").uncheck()
    await visitor.confirm("Add")

    await expect(dialog(visitor)).to_contain_text("whsec_")
    await visitor.button("Done").click()
    await expect(visitor.says("No deliveries yet.")).to_be_visible()
    page = await visitor.page.content()
    assert "whsec_" not in page
    assert "secret-path" not in page
    (channel,) = (await ann.ask("GET", "/notifications"))["data"]
    assert ["failure", "crash"] == channel["events"]

    await visitor.button("Remove the https channel").click()
    await visitor.confirm("Remove")
    await expect(visitor.heading("No notifications yet")).to_be_visible()


@pytest.mark.parametrize(
    ("service", "fields", "url"),
    [
        (
            "slack",
            {"url": "https://hooks.slack.com/services/T1/B2/s3cret"},
            "slack://T1/B2/s3cret",
        ),
        (
            "discord",
            {"url": "https://discord.com/api/webhooks/123/s3cret-x"},
            "discord://123/s3cret-x",
        ),
        (
            "email",
            {
                "server": "smtp.example.com",
                "user": "ann@example.com",
                "password": "a b&c",
                "from": "pushpaka@example.com",
                "to": "team@example.com",
            },
            (
                "mailtos://smtp.example.com?smtp=smtp.example.com&user=ann%40example.com"
                "&pass=a%20b%26c&from=pushpaka%40example.com&to=team%40example.com"
            ),
        ),
        ("webhook", {"url": "https://example.com/x"}, "https://example.com/x"),
        ("other", {"url": "tgram://token/chat"}, "tgram://token/chat"),
    ],
)
async def test_fields_of_a_service_become_its_url(
    chromium: Browser, service: str, fields: dict[str, str], url: str
) -> None:
    """The URLs have the format of Apprise, except those of webhooks."""
    async with open_modules(chromium) as page:
        found = await page.evaluate(
            """async ([service, fields]) => {
              const { channelUrl } = await import("/views/project/channel_dialog.js");
              return channelUrl(service, fields);
            }""",
            [service, fields],
        )

    assert url == found


async def test_url_of_another_service_is_rejected(visitor: Visitor, project: Json) -> None:
    """The page reports the error next to the field without sending a request."""
    await visitor.go(f"/projects/{project['id']}/integrations")

    await visitor.button("Add channel").click()
    await visitor.page.get_by_label("Webhook URL").fill("https://example.com/slack")
    await visitor.confirm("Add")

    await expect(visitor.page.get_by_label("Webhook URL")).to_have_accessible_description(
        "Must be a Slack webhook URL, https://hooks.slack.com/services/…/…/…."
    )
