"""Tests the team of a project on the page."""

import pytest
from playwright.async_api import expect
from tests.acceptance.tools.people import Json, Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.teams import temporary_member
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


@pytest.fixture
async def project(ann: Person) -> Json:
    return await ann.project("https://git.example.com/ann/shop.git")


async def team(person: Person, project: Json) -> dict[str, str]:
    """Return the members' roles by email address."""
    listed = await person.ask("GET", f"/projects/{project['id']}/members")
    return {each["email"]: each["role"] for each in listed["data"]}


async def test_invitation_can_be_sent_and_withdrawn(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The page shows the URL of the invitation, because no email is sent."""
    await visitor.go(f"/projects/{project['id']}/members")

    await visitor.page.get_by_label("Email", exact=True).fill("Dora@Example.com")
    await visitor.page.get_by_label("Role", exact=True).select_option("viewer")
    await visitor.button("Invite").click()

    await expect(visitor.says("dora@example.com")).to_be_visible()
    await expect(visitor.says(f"{visitor.origin}/invitations")).to_be_visible()
    await expect(visitor.page.get_by_label("Email", exact=True)).to_have_value("")

    await visitor.button("Withdraw the invitation for dora@example.com").click()
    await expect(visitor.says("dora@example.com")).to_have_count(0)
    invitations = await ann.ask("GET", f"/projects/{project['id']}/invitations")
    assert [] == invitations["data"]


async def test_role_can_be_changed_and_a_member_removed(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """A new role and a removal take effect at once."""
    async with temporary_member(ann, project, "viewer") as guest:
        await visitor.go(f"/projects/{project['id']}/members")

        await visitor.page.get_by_label("Role of Ann").select_option("member")
        await expect(visitor.says("Ann is now a member.")).to_be_visible()
        assert "member" == (await team(ann, project))[guest.email]

        await visitor.button("Remove Ann").click()
        await visitor.confirm("Remove")
        await expect(visitor.page.get_by_label("Role of Ann")).to_have_count(0)
        assert guest.email not in await team(ann, project)


async def test_project_ownership_can_be_transferred(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The owner has to type the project's name. Then, the page offers what a member may do."""
    async with temporary_member(ann, project, "member") as guest:
        await visitor.go(f"/projects/{project['id']}/members")

        await visitor.button("Make owner (Ann)").click()
        await expect(visitor.button("Transfer ownership")).to_be_disabled()
        await visitor.page.get_by_label("Type shop to confirm").fill("shop")
        await visitor.button("Transfer ownership").click()

        await expect(visitor.says("You are a member")).to_be_visible()
        await expect(visitor.heading("Invite a member")).to_have_count(0)
        assert "owner" == (await team(ann, project))[guest.email]
        await guest.leave()


async def test_forbidden_actions_are_not_offered(
    visitors: Visitors, ann: Person, project: Json
) -> None:
    """Viewers see values instead of fields. Members cannot change the owner's settings."""
    about, path = {"project_id": project["id"]}, f"/projects/{project['id']}"
    await ann.ask("POST", "/env", {**about, "key": "TOKEN", "value": "x"})
    await ann.ask("POST", "/domains", {**about, "domain": "team.example.com"})
    await ann.ask("POST", "/webhooks", {**about, "provider": "github"})
    await ann.ask("POST", "/volumes", {**about, "name": "media", "mount_path": "media"})
    seen = {
        "": "No deployments yet",
        "/env": "TOKEN",
        "/storage": "media",
        "/domains": "team.example.com",
        "/integrations": "GitHub",
        "/settings": "Memory limit",
    }
    async with temporary_member(ann, project, "viewer") as guest:
        visitor = await visitors(guest)
        main = visitor.page.locator("main")
        offered = main.locator("input, select, button:not([aria-label^='Copy'])")

        for part, words in seen.items():
            await visitor.go(path + part)
            await expect(main).to_contain_text(words)
            await expect(offered).to_have_count(0)

        (_, member) = (await ann.ask("GET", f"{path}/members"))["data"]
        await ann.ask("PATCH", f"{path}/members/{member['user_id']}", {"role": "member"})
        for part in ("/storage", "/domains", "/integrations"):
            await visitor.go(path + part)
            await expect(main).to_contain_text(seen[part])
            await expect(offered).to_have_text(["Deploy"])


async def test_a_viewer_can_leave_the_project(
    visitors: Visitors, ann: Person, project: Json
) -> None:
    """The page offers viewers no other action."""
    async with temporary_member(ann, project, "viewer") as guest:
        visitor = await visitors(guest)
        await visitor.go(f"/projects/{project['id']}/members")

        await expect(visitor.page.locator("main").get_by_role("button")).to_have_text(["Leave"])
        await visitor.button("Leave").click()
        await visitor.confirm("Leave")

        await expect(visitor.heading("Projects")).to_be_visible()
        assert guest.email not in await team(ann, project)
