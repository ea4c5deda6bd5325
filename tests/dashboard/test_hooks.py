"""Webhooks, the deploy key and notifications of a project in the page."""

import re

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.people import Json, Person
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


@pytest.fixture
async def project(ann: Person) -> Json:
    return await ann.project("https://gitlab.example.com/ann/shop.git")


def dialog(visitor: Visitor) -> Locator:
    """Find the question that stands before everything else."""
    return visitor.page.get_by_role("dialog")


async def test_the_secret_of_a_webhook_is_shown_once(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """With where the forge wants it; a new one can be made, and the webhook taken away."""
    await visitor.go(f"/projects/{project['id']}/hooks")

    await visitor.button("Add a webhook").click()
    await expect(visitor.page.get_by_label("Forge")).to_have_value("gitlab")
    await visitor.page.get_by_label("Deploy other branches as previews").check()
    await visitor.button("Add it").click()

    await expect(dialog(visitor)).to_contain_text("Secret token")
    (webhook,) = (await ann.ask("GET", "/webhooks"))["data"]
    assert webhook["previews"]
    await expect(dialog(visitor)).to_contain_text("merge request events")
    await expect(dialog(visitor)).to_contain_text(webhook["url"])
    place = dialog(visitor).get_by_role("link")
    await expect(place).to_have_attribute("href", "https://gitlab.example.com/ann/shop/-/hooks")
    first = await dialog(visitor).locator("code").nth(1).inner_text()
    await visitor.button("I have copied the secret").click()
    assert first not in await visitor.page.content()

    await visitor.button("New secret").click()
    await visitor.button("Make it").click()
    await expect(dialog(visitor)).to_contain_text("Secret token")
    assert first != await dialog(visitor).locator("code").nth(1).inner_text()
    await visitor.button("I have copied the secret").click()

    await visitor.button("Remove the webhook of GitLab").click()
    await visitor.button("Remove it").click()
    await expect(visitor.heading("Pushes deploy nothing yet")).to_be_visible()


async def test_a_deploy_key_is_made_replaced_and_removed(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """Only its public half is there to copy."""
    await visitor.go(f"/projects/{project['id']}/hooks")

    await visitor.button("Make a deploy key").click()
    public = visitor.page.get_by_text(re.compile("^ssh-ed25519 "))
    await expect(public).to_be_visible()
    first = await public.inner_text()

    await visitor.button("Replace it").click()
    await dialog(visitor).get_by_role("button", name="Replace it").click()
    await expect(dialog(visitor)).to_have_count(0)
    await expect(public).not_to_have_text(first)

    await visitor.button("Remove the deploy key").click()
    await visitor.button("Remove it").click()
    await expect(visitor.button("Make a deploy key")).to_be_visible()
    assert not (await ann.ask("GET", f"/projects/{project['id']}"))["has_deploy_key"]


async def test_somebody_is_told_of_what_they_want_to_know(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The secret by which a program knows us is shown once, and its address never."""
    await visitor.go(f"/projects/{project['id']}/hooks")

    await visitor.button("Add a channel").click()
    await visitor.page.get_by_label("Address").fill("https://news.example.com/secret-path")
    await visitor.page.get_by_label("When a deployment serves").uncheck()
    await visitor.button("Add it").click()

    await expect(dialog(visitor)).to_contain_text("whsec_")
    await visitor.button("I have copied it").click()
    await expect(visitor.says("Has taken nothing yet.")).to_be_visible()
    page = await visitor.page.content()
    assert "whsec_" not in page
    assert "secret-path" not in page
    (channel,) = (await ann.ask("GET", "/notifications"))["data"]
    told = ("success", "failure", "crash")
    assert [False, True, True] == [channel[occasion] for occasion in told]

    await visitor.button("Remove the channel https").click()
    await visitor.button("Remove it").click()
    await expect(visitor.heading("Nobody is told yet")).to_be_visible()
