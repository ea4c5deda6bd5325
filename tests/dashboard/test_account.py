"""One's own account: tokens for programs, the password, where one is signed in, and invitations."""

from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect
from tests.acceptance.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.visitors import Visitor
from tests.served import PASSWORD, Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

REPO = "https://git.example.com/ann/garden.git"
SECRET = "code:text-matches('^ppk_[0-9a-zA-Z_-]{20,}$')"


async def status_with(visitor: Visitor, token: str) -> int:
    """Return how the API answers a program that has a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return (await visitor.context.request.get("/api/v1/projects", headers=headers)).status


async def test_a_token_is_shown_once_and_opens_the_door_until_it_is_deleted(
    visitor: Visitor,
) -> None:
    """Who makes one copies it then; afterwards the page knows only how it begins."""
    await visitor.go("/account")
    await visitor.button("New token").click()
    await visitor.page.get_by_label("Name").fill("CI")
    await visitor.button("Make the token").click()
    secret = await visitor.page.locator(SECRET).inner_text()
    before = await status_with(visitor, secret)

    await visitor.button("I have copied it").click()
    await expect(visitor.says("CI")).to_be_visible()
    kept = await visitor.page.content()
    await visitor.button("Delete the token CI").click()
    await visitor.button("Delete the token").click()

    await expect(visitor.says("No API tokens")).to_be_visible()
    assert secret not in kept
    assert secret[:12] in kept
    assert (200, 401) == (before, await status_with(visitor, secret))


async def test_another_password_is_taken_and_ends_all_other_sessions(
    visitor: Visitor, ann: Person
) -> None:
    """Who does not know the present one is told at its field; who does goes on here alone."""
    await ann.ask("POST", "/tokens", {"name": "CI", "scope": "read"})
    await visitor.go("/account")
    await expect(visitor.says("CI")).to_be_visible()
    present = visitor.page.get_by_label("Present password", exact=True)
    await present.fill("wrong horse")
    await visitor.page.get_by_label("New password", exact=True).fill("battery staple")
    await visitor.button("Change the password").click()
    await expect(visitor.says("Must be the present password.")).to_be_visible()
    await expect(present).to_be_focused()
    visitor.expect_refused("400 POST /api/v1/auth/password")

    await present.fill(PASSWORD)
    await visitor.button("Change the password").click()

    await expect(visitor.says("No API tokens")).to_be_visible()
    await visitor.go("/account")
    await expect(visitor.heading("Account")).to_be_visible()
    assert 401 == await ann.status_of("GET", "/auth/me")


async def test_who_signs_out_everywhere_is_out_in_all_tabs(visitor: Visitor, ann: Person) -> None:
    """The other tab asks for the password too, at once."""
    other = await visitor.another_tab()
    await other.goto("/account")
    await visitor.go("/account")

    await visitor.button("Sign out everywhere").click()
    await visitor.page.get_by_role("dialog").get_by_role("button", name="Sign out every").click()

    await expect(visitor.heading("Sign in")).to_be_visible()
    await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    assert 401 == await ann.status_of("GET", "/auth/me")


async def test_who_is_invited_joins_or_declines(
    visitors: Visitors, ann: Person, served: Served
) -> None:
    """The bar counts what waits for an answer; whoever joins is shown the project."""
    async with Person.signed_up(served) as bob:
        email = (await bob.ask("GET", "/auth/me"))["email"]
        projects = {}
        for name, role in (("garden", "member"), ("kitchen", "viewer")):
            projects[name] = (await ann.project(REPO, name))["id"]
            invited = {"email": email, "role": role}
            await ann.ask("POST", f"/projects/{projects[name]}/invitations", invited)
        visitor = await visitors(bob)
        await visitor.go("/invitations")
        await expect(visitor.link("Invitations 2")).to_be_visible()

        await visitor.button("Decline to join kitchen").click()
        await expect(visitor.link("Invitations 1")).to_be_visible()
        await visitor.button("Join garden").click()

        await expect(visitor.says("You are in the team of garden.")).to_be_visible()
        assert f"/projects/{projects['garden']}" == urlsplit(visitor.page.url).path
        await expect(visitor.page.get_by_role("link", name="Invitations")).to_have_count(0)
        assert ["garden"] == [each["name"] for each in (await bob.ask("GET", "/projects"))["data"]]
