"""The team of a project in the page: invited, given other roles, taken out, handed over."""

import pytest
from playwright.async_api import expect
from tests.acceptance.people import Json, Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.teams import open_guest
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


@pytest.fixture
async def project(ann: Person) -> Json:
    return await ann.project("https://git.example.com/ann/shop.git")


async def team(person: Person, project: Json) -> dict[str, str]:
    """Return the roles of the team by their e-mail addresses."""
    listed = await person.ask("GET", f"/projects/{project['id']}/members")
    return {each["email"]: each["role"] for each in listed["data"]}


async def email_of(person: Person) -> str:
    """Return the address by which somebody signs in."""
    return str((await person.ask("GET", "/auth/me"))["email"])


async def test_somebody_is_invited_and_the_invitation_withdrawn(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The page says where it is answered, as no mail is sent."""
    await visitor.go(f"/projects/{project['id']}/members")

    await visitor.page.get_by_label("E-mail address").fill("Dora@Example.com")
    await visitor.page.get_by_label("As").select_option("viewer")
    await visitor.button("Invite").click()

    await expect(visitor.says("dora@example.com")).to_be_visible()
    await expect(visitor.says(f"{visitor.origin}/invitations")).to_be_visible()
    await expect(visitor.page.get_by_label("E-mail address")).to_have_value("")

    await visitor.button("Withdraw the invitation of dora@example.com").click()
    await expect(visitor.says("dora@example.com")).to_have_count(0)
    invitations = await ann.ask("GET", f"/projects/{project['id']}/invitations")
    assert [] == invitations["data"]


async def test_a_member_gets_another_role_and_is_taken_out(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """From their next request on."""
    async with open_guest(ann, project, "viewer") as guest:
        email = await email_of(guest)
        await visitor.go(f"/projects/{project['id']}/members")

        await visitor.page.get_by_label("Role of Ann").select_option("member")
        await expect(visitor.says("Ann is a member now.")).to_be_visible()
        assert "member" == (await team(ann, project))[email]

        await visitor.button("Take Ann out of the team").click()
        await visitor.button("Take out").click()
        await expect(visitor.page.get_by_label("Role of Ann")).to_have_count(0)
        assert email not in await team(ann, project)


async def test_a_project_is_handed_over(visitor: Visitor, ann: Person, project: Json) -> None:
    """By who types its name; from then on the page offers what a member may."""
    async with open_guest(ann, project, "member") as guest:
        await visitor.go(f"/projects/{project['id']}/members")

        await visitor.button("Make owner of Ann").click()
        await expect(visitor.button("Hand it over")).to_be_disabled()
        await visitor.page.get_by_label("Type shop to confirm").fill("shop")
        await visitor.button("Hand it over").click()

        await expect(visitor.says("You are a member")).to_be_visible()
        await expect(visitor.heading("Invite somebody")).to_have_count(0)
        assert "owner" == (await team(ann, project))[await email_of(guest)]
        await guest.leave()


async def test_what_one_may_not_is_not_offered(
    visitors: Visitors, ann: Person, project: Json
) -> None:
    """Who may only look sees values and no fields; what is the owner's, members only look at."""
    about, path = {"project_id": project["id"]}, f"/projects/{project['id']}"
    await ann.ask("POST", "/env", {**about, "key": "TOKEN", "value": "x"})
    await ann.ask("POST", "/domains", {**about, "domain": "team.example.com"})
    await ann.ask("POST", "/webhooks", {**about, "provider": "github"})
    seen = {
        "": "Nothing is deployed yet",
        "/env": "TOKEN",
        "/domains": "team.example.com",
        "/hooks": "GitHub",
        "/settings": "Memory limit",
    }
    async with open_guest(ann, project, "viewer") as guest:
        visitor = await visitors(guest)
        main = visitor.page.locator("main")
        offered = main.locator("input, select, button:not([aria-label^='Copy'])")

        for part, words in seen.items():
            await visitor.go(path + part)
            await expect(main).to_contain_text(words)
            await expect(offered).to_have_count(0)

        (_, member) = (await ann.ask("GET", f"{path}/members"))["data"]
        await ann.ask("PATCH", f"{path}/members/{member['user_id']}", {"role": "member"})
        for part in ("/domains", "/hooks"):
            await visitor.go(path + part)
            await expect(main).to_contain_text(seen[part])
            await expect(offered).to_have_text(["Deploy"])


async def test_a_viewer_leaves(visitors: Visitors, ann: Person, project: Json) -> None:
    """It is all that they are offered; the project is gone for them then."""
    async with open_guest(ann, project, "viewer") as guest:
        visitor = await visitors(guest)
        await visitor.go(f"/projects/{project['id']}/members")

        await expect(visitor.page.locator("main").get_by_role("button")).to_have_text(["Leave"])
        await visitor.button("Leave").click()
        await visitor.page.get_by_role("dialog").get_by_role("button", name="Leave").click()

        await expect(visitor.heading("Projects")).to_be_visible()
        assert await email_of(guest) not in await team(ann, project)
