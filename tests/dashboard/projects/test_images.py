"""Tests projects that deploy images: creation, settings and webhooks."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Locator, expect
from tests.acceptance.tools.people import OWN_ADDRESSES, Json, Person
from tests.dashboard.visitors import ContextPool, Visitor
from tests.served_instance import ServedInstance, open_served

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("browser"),
    pytest.mark.needs("docker"),
    pytest.mark.needs("traefik"),
]

IMAGE = "ghcr.io/acme/shop"


def field(visitor: Visitor, label: str) -> Locator:
    """Find a field by its label."""
    return visitor.page.get_by_label(label, exact=True)


@pytest.fixture(scope="session")
async def served_instance() -> AsyncIterator[ServedInstance]:
    async with open_served(**OWN_ADDRESSES, PUSHPAKA_RUNTIME="docker") as served:
        await served.start()
        async with Person.sign_up(served):  # Without accounts, pages lead to the registration.
            yield served
        assert "Traceback" not in served.log


@pytest.fixture(scope="session")
def contexts(chromium: Browser, served_instance: ServedInstance) -> ContextPool:
    return ContextPool(chromium, f"http://localhost:{served_instance.port}")


@pytest.fixture
async def project(ann: Person) -> Json:
    return await ann.project(f"image:{IMAGE}:1.4")


async def test_private_image_is_entered_and_has_no_plan(visitor: Visitor, ann: Person) -> None:
    """The name is that of the image. The credentials are not shown again."""
    await visitor.go("/new")
    await field(visitor, "Deploy from").select_option("image")
    await field(visitor, "Image").fill(f"{IMAGE}:1.4")
    await expect(field(visitor, "Name")).to_have_value("shop")
    await field(visitor, "The image is private").check()
    await field(visitor, "User name").fill("ann")
    await field(visitor, "Password or token").fill("s3cret-canary")
    await visitor.button("Continue").click()

    await expect(visitor.button("Deploy")).to_be_enabled()
    (project,) = (await ann.ask("GET", "/projects"))["data"]
    assert (f"image:{IMAGE}:1.4", True) == (
        project["repo_url"],
        project["has_registry_credentials"],
    )
    await expect(visitor.page.locator("body")).to_contain_text("Registry credentials")
    await expect(visitor.page.locator("body")).not_to_contain_text("s3cret-canary")


async def test_tag_is_changed_in_the_settings(visitor: Visitor, ann: Person, project: Json) -> None:
    """Settings of a repository or a build are not shown."""
    await visitor.go(f"/projects/{project['id']}/settings")
    await expect(field(visitor, "Image")).to_have_value(f"{IMAGE}:1.4")
    await expect(visitor.page.get_by_label("Build command")).to_have_count(0)

    await field(visitor, "Image").fill(f"{IMAGE}:1.5")
    await field(visitor, "User name").fill("ann")
    await field(visitor, "Password or token").fill("s3cret")
    await visitor.button("Save").click()

    await expect(visitor.button("Remove credentials")).to_be_visible()
    changed = await ann.ask("GET", f"/projects/{project['id']}")
    assert (f"image:{IMAGE}:1.5", True) == (
        changed["repo_url"],
        changed["has_registry_credentials"],
    )


async def test_webhook_of_a_registry_has_its_secret_in_the_url(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    await visitor.go(f"/projects/{project['id']}/integrations")
    await visitor.button("Add webhook").first.click()
    await field(visitor, "Registry").select_option("registry")
    await visitor.page.get_by_label("Tags").fill("1.*")
    await visitor.button("Add").click()

    await expect(visitor.page.get_by_role("dialog")).to_contain_text("/receive?secret=")
    (webhook,) = (await ann.ask("GET", "/webhooks"))["data"]
    assert ("registry", "1.*", False) == (
        webhook["provider"],
        webhook["tags"],
        webhook["previews"],
    )
