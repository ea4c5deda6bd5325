"""Tests the main use of the dashboard, from the registration to the deletion of a project."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from anyio import fail_after, sleep
from playwright.async_api import Page, expect
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.gates import Gate
from tests.acceptance.tools.people import PATIENCE
from tests.dashboard.conftest import Visitors
from tests.dashboard.visitors import Visitor
from tests.served_instance import PASSWORD, ServedInstance

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("browser"),
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(300),  # Three deployments, one after the other.
]


@pytest.fixture
async def visitor(visitors: Visitors) -> Visitor:
    """Return a browser on the first page."""
    visitor = await visitors()
    await visitor.go("/")
    return visitor


@pytest.fixture
def email() -> str:
    return f"zoe-{uuid4().hex[:8]}@example.com"


async def test_main_use_with_the_mouse(
    visitor: Visitor, email: str, served_instance: ServedInstance, repositories: Path
) -> None:
    """Register, view the plan, deploy, visit the page, set an environment variable, and delete."""
    repository = repository_of(repositories / "shop", server("v1"))
    gate = Gate(repositories / "gate")

    await register(visitor, email)
    await change_the_plan(visitor, repository.path, gate)
    application = await deploy_and_visit(visitor, gate)
    await add_an_env_var(visitor)
    await application.goto(f"{application.url}env/GREETING")
    await expect(application.get_by_text("Good morning.")).to_be_visible()
    await delete(visitor)
    with fail_after(PATIENCE):
        while httpx.codes.NOT_FOUND != (await served_instance.visit(application.url)).status_code:
            await sleep(0.1)


async def register(visitor: Visitor, email: str) -> None:
    """Create an account."""
    await visitor.link("Create an account").click()
    await visitor.field("Name").fill("Zoe")
    await visitor.field("Email").fill(email)
    await visitor.field("Password").fill(PASSWORD)
    await visitor.button("Create account").click()
    await expect(visitor.heading("Deploy your first project")).to_be_visible()


async def change_the_plan(visitor: Visitor, repository: Path, gate: Gate) -> None:
    """View the plan of a repository, and change the build command in it."""
    await visitor.link("New project").click()
    await visitor.field("Repository").fill(str(repository))
    await expect(visitor.field("Name")).to_have_value("shop")
    await visitor.button("Continue").click()
    await expect(visitor.heading("Why")).to_be_visible()
    await expect(visitor.says("exec python3 app.py")).to_be_visible()
    await visitor.button("Edit").click()
    await visitor.field("Build command").fill(gate.command)
    await visitor.button("Save").click()
    await expect(visitor.page.locator(".plan-steps")).to_contain_text("your setting")
    await expect(visitor.page.locator("dl.plan-steps").get_by_text(gate.command)).to_be_visible()


async def deploy_and_visit(visitor: Visitor, gate: Gate) -> Page:
    """Watch the log until the deployment runs, and open its URL in another tab."""
    await visitor.button("Deploy").click()
    await expect(visitor.heading("Deployment 1")).to_be_visible()
    await expect(visitor.line("waiting")).to_be_visible()
    await expect(visitor.status("Building")).to_be_visible()
    await gate.open()
    await expect(visitor.status("Running")).to_be_visible()
    address = await visitor.link("Visit").get_attribute("href") or ""
    await expect(visitor.page.locator(".deployment-facts a.host")).to_have_attribute(
        "href", address
    )
    await visitor.link("shop").click()
    await expect(visitor.link("Visit")).to_have_attribute("href", address)
    async with visitor.context.expect_page() as opened:
        await visitor.link("Visit").click()
    application = await opened.value
    await expect(application.get_by_text("v1")).to_be_visible()
    return application


async def add_an_env_var(visitor: Visitor) -> None:
    """Set an environment variable, and redeploy with it."""
    await visitor.link("Environment").click()
    await visitor.button("Add variable").click()
    await visitor.field("Name").fill("GREETING")
    await visitor.field("Value").fill("Good morning.")
    await visitor.button("Save").click()
    await expect(visitor.says("Environment variables have changed.")).to_be_visible()
    await visitor.button("Redeploy").click()
    await expect(visitor.heading("Deployment 2")).to_be_visible()
    await expect(visitor.status("Running")).to_be_visible()
    await visitor.page.go_back()
    await expect(visitor.heading("Environment variables")).to_be_visible()
    await expect(visitor.says("Environment variables have changed.")).to_have_count(0)


async def delete(visitor: Visitor) -> None:
    """Delete the project, and type its name to confirm."""
    await visitor.link("Settings").click()
    await visitor.button("Delete").click()
    question = "environment variables, whose values cannot be recovered"
    await expect(visitor.dialog).to_contain_text(question)
    await expect(visitor.button("Delete project")).to_be_disabled()
    await visitor.dialog.get_by_role("textbox").fill("shop")
    await visitor.button("Delete project").click()
    await expect(visitor.heading("Deploy your first project")).to_be_visible()


async def test_main_use_with_the_keyboard_only(
    visitor: Visitor, email: str, repositories: Path
) -> None:
    """After each step, the focus is where the next step starts."""
    repository = repository_of(repositories / "shop", server("v1"))
    keyboard = visitor.page.keyboard

    await visitor.press("Create an account")
    await expect(visitor.field("Name")).to_be_focused()
    await keyboard.type("Zoe")
    await visitor.type("Email", email)
    await visitor.type("Password", PASSWORD)
    await keyboard.press("Enter")
    await expect(visitor.heading("Deploy your first project")).to_be_visible()

    await visitor.press("New project")
    await expect(visitor.field("Repository")).to_be_focused()
    await keyboard.type(str(repository.path))
    await keyboard.press("Enter")
    await expect(visitor.button("Deploy")).to_be_enabled()
    await visitor.press("Deploy")
    await expect(visitor.status("Running")).to_be_visible()

    await visitor.press("shop")
    await expect(visitor.heading("Production")).to_be_visible()
    await visitor.press("Deploy")
    await expect(visitor.dialog).to_be_visible()
    await visitor.press("Deploy")
    await expect(visitor.heading("Deployment 2")).to_be_visible()
    await expect(visitor.status("Running")).to_be_visible()

    await visitor.press("shop")
    await visitor.press("Deployments")
    await expect(visitor.button("Actions for deployment #1")).to_be_visible()
    await visitor.press("Actions for deployment #1")
    item = visitor.page.get_by_role("menuitem", name="Roll back to this deployment")
    await expect(item).to_be_focused()
    await keyboard.press("Enter")
    await expect(visitor.dialog).to_be_visible()
    await visitor.press("Roll back")
    row = visitor.page.get_by_role("listitem").filter(has_text="#3")
    await expect(row).to_contain_text("Current")
