"""Somebody who has never seen an API comes, deploys, goes back a step, and leaves."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from anyio import fail_after, sleep
from playwright.async_api import Page, expect
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.gates import Gate
from tests.acceptance.people import PATIENCE
from tests.dashboard.conftest import Visitors
from tests.dashboard.visitors import Visitor
from tests.name_server import NameServer
from tests.served import PASSWORD, Served

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("browser"),
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(300),  # Four deployments, one after the other.
]


@pytest.fixture
async def visitor(visitors: Visitors) -> Visitor:
    """Return somebody who comes for the first time."""
    visitor = await visitors()
    await visitor.go("/")
    return visitor


@pytest.fixture
def email() -> str:
    return f"zoe-{uuid4().hex[:8]}@example.com"


async def test_the_whole_story(
    visitor: Visitor, email: str, served: Served, repositories: Path, name_server: NameServer
) -> None:
    """Register, see the plan, deploy, watch, visit, change, go back, add what it needs, delete."""
    repository = repository_of(repositories / "shop", server("v1"))
    gate = Gate(repositories / "gate")

    await register(visitor, email)
    await look_at_the_plan(visitor, repository.path, gate)
    application = await deploy_and_visit(visitor, gate)
    edit(repository, "app.py", "v1", "v2")
    await deploy_again(visitor)
    await application.reload()
    await expect(application.get_by_text("v2")).to_be_visible()
    await roll_back(visitor)
    await application.reload()
    await expect(application.get_by_text("v1")).to_be_visible()
    await add_a_domain(visitor, name_server)
    await add_an_env_var(visitor)
    await application.goto(f"{application.url}env/GREETING")
    await expect(application.get_by_text("Good morning.")).to_be_visible()
    await delete(visitor)
    with fail_after(PATIENCE):
        while httpx.codes.NOT_FOUND != (await served.visit(application.url)).status_code:
            await sleep(0.1)


async def register(visitor: Visitor, email: str) -> None:
    """Make an account, and be told what to do next."""
    await visitor.link("Make an account").click()
    await visitor.field("Name").fill("Zoe")
    await visitor.field("E-mail").fill(email)
    await visitor.field("Password").fill(PASSWORD)
    await visitor.button("Make an account").click()
    await expect(visitor.heading("Deploy your first project")).to_be_visible()


async def look_at_the_plan(visitor: Visitor, repository: Path, gate: Gate) -> None:
    """Name a repository, see what would be done with it and why, and decide a part otherwise."""
    await visitor.link("New project").click()
    await visitor.field("Repository").fill(str(repository))
    await expect(visitor.field("Name")).to_have_value("shop")
    await visitor.button("Look at the repository").click()
    await expect(visitor.heading("Why")).to_be_visible()
    await expect(visitor.says("exec python3 app.py")).to_be_visible()
    await visitor.button("Decide otherwise").click()
    await visitor.field("Build command").fill(gate.command)
    await visitor.button("Save, and plan again").click()
    await expect(visitor.page.locator("dl.plan-steps").get_by_text(gate.command)).to_be_visible()


async def deploy_and_visit(visitor: Visitor, gate: Gate) -> Page:
    """Watch the log flow until it runs, and open its address in a tab of its own."""
    await visitor.button("Deploy").click()
    await expect(visitor.heading("Deployment 1")).to_be_visible()
    await expect(visitor.line("waiting")).to_be_visible()
    await expect(visitor.status("Building")).to_be_visible()
    await gate.open()
    await expect(visitor.status("Running")).to_be_visible()
    await visitor.link("shop").click()
    async with visitor.context.expect_page() as opened:
        await visitor.link("Visit").click()
    application = await opened.value
    await expect(application.get_by_text("v1")).to_be_visible()
    return application


async def deploy_again(visitor: Visitor) -> None:
    """Deploy the newest commit of the branch."""
    await visitor.button("Deploy").click()
    await visitor.dialog.get_by_role("button", name="Deploy", exact=True).click()
    await expect(visitor.heading("Deployment 2")).to_be_visible()
    await expect(visitor.status("Running")).to_be_visible()


async def roll_back(visitor: Visitor) -> None:
    """Go back to the first deployment, and see the list follow by itself."""
    await visitor.link("shop").click()
    await visitor.link("Deployments").click()
    await visitor.button("What to do with deployment #1").click()
    await visitor.page.get_by_role("menuitem", name="Roll back to this").click()
    await visitor.button("Roll back").click()
    rows = visitor.page.get_by_role("list", name="Deployments", exact=True).get_by_role("listitem")
    for word in ("#3", "Running", "Current"):
        await expect(rows.first).to_contain_text(word)
    await expect(rows.nth(1)).to_contain_text("Stopped")


async def add_a_domain(visitor: Visitor, name_server: NameServer) -> None:
    """Claim a domain, set the record that is shown, and have it looked for."""
    await visitor.link("Domains").click()
    await visitor.button("Add a domain").click()
    await visitor.field("Domain").fill("story.example.com")
    await visitor.button("Add it").click()
    records = visitor.page.locator(".records").first.locator("code")
    await expect(records).to_have_count(2)
    name, value = await records.all_inner_texts()
    name_server.zone.records[name, "TXT"] = (value,)
    await visitor.button("Verify now that story.example.com is yours").click()
    await expect(visitor.says("Proven")).to_be_visible()


async def add_an_env_var(visitor: Visitor) -> None:
    """Set one, and have it taken up."""
    await visitor.link("Env vars").click()
    await visitor.button("Add").click()
    await visitor.field("Name").fill("GREETING")
    await visitor.field("Value").fill("Good morning.")
    await visitor.button("Set it").click()
    await visitor.button("Redeploy with them").click()
    await expect(visitor.heading("Deployment 4")).to_be_visible()
    await expect(visitor.status("Running")).to_be_visible()


async def delete(visitor: Visitor) -> None:
    """Delete the project, whose name has to be typed first."""
    await visitor.link("shop").click()
    await visitor.link("Settings").click()
    await visitor.button("Delete it").click()
    await visitor.dialog.get_by_role("textbox").fill("shop")
    await visitor.button("Delete it for ever").click()
    await expect(visitor.heading("Deploy your first project")).to_be_visible()


async def test_the_main_story_by_the_keyboard_alone(
    visitor: Visitor, email: str, repositories: Path
) -> None:
    """Whoever has no mouse gets as far, and is where the next step is after each."""
    repository = repository_of(repositories / "shop", server("v1"))
    keyboard = visitor.page.keyboard

    await visitor.press("Make an account")
    await expect(visitor.field("Name")).to_be_focused()
    await keyboard.type("Zoe")
    await visitor.type("E-mail", email)
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
    await expect(visitor.button("What to do with deployment #1")).to_be_visible()
    await visitor.press("What to do with deployment #1")
    await expect(visitor.page.get_by_role("menuitem", name="Roll back to this")).to_be_focused()
    await keyboard.press("Enter")
    await expect(visitor.dialog).to_be_visible()
    await visitor.press("Roll back")
    row = visitor.page.get_by_role("listitem").filter(has_text="#3")
    await expect(row).to_contain_text("Current")
