"""Tests the account page: API tokens, the password, sessions and invitations."""

from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect
from tests.acceptance.tools.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.visitors import Visitor
from tests.served_instance import PASSWORD, ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

REPO = "https://git.example.com/ann/garden.git"
SECRET = "code:text-matches('^ppk_[0-9a-zA-Z_-]{20,}$')"


async def request_status(visitor: Visitor, token: str) -> int:
    """Return the status of an API request that *visitor* sends with a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return (await visitor.context.request.get("/api/v1/projects", headers=headers)).status


async def test_token_is_shown_once_and_works_until_it_is_deleted(
    visitor: Visitor,
) -> None:
    """Once the token has been shown, the page shows only its prefix."""
    await visitor.go("/account")
    await visitor.button("New token").click()
    await visitor.page.get_by_label("Name").fill("CI")
    await visitor.button("Create").click()
    secret = await visitor.page.locator(SECRET).inner_text()
    before = await request_status(visitor, secret)

    await visitor.button("Done").click()
    await expect(visitor.says("CI")).to_be_visible()
    kept = await visitor.page.content()
    await visitor.button("Delete the token CI").click()
    await visitor.confirm("Delete")

    await expect(visitor.says("No API tokens")).to_be_visible()
    assert secret not in kept
    assert secret[:12] in kept
    assert (200, 401) == (before, await request_status(visitor, secret))


async def test_password_change_ends_all_other_sessions(visitor: Visitor, ann: Person) -> None:
    """A wrong current password is reported next to its field."""
    await ann.ask("POST", "/tokens", {"name": "CI", "scope": "read"})
    await visitor.go("/account")
    await expect(visitor.says("CI")).to_be_visible()
    current = visitor.page.get_by_label("Current password", exact=True)
    await current.fill("wrong horse")
    await visitor.page.get_by_label("New password", exact=True).fill("battery staple")
    await visitor.button("Change password").click()
    await expect(visitor.says("Must be your current password.")).to_be_visible()
    await expect(current).to_be_focused()
    visitor.require_failed_responses("400 POST /api/v1/auth/password")

    await current.fill(PASSWORD)
    await visitor.button("Change password").click()

    await expect(visitor.says("No API tokens")).to_be_visible()
    await visitor.go("/account")
    await expect(visitor.heading("Account")).to_be_visible()
    assert 401 == await ann.status_of("GET", "/auth/me")


async def test_sign_out_everywhere_revokes_all_sessions(visitor: Visitor, ann: Person) -> None:
    """Other tabs show the sign-in page at once."""
    other = await visitor.another_tab()
    await other.goto("/account")
    await visitor.go("/account")

    await visitor.button("Sign out everywhere").click()
    await visitor.confirm("Sign out everywhere")

    await expect(visitor.heading("Sign in")).to_be_visible()
    await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    assert 401 == await ann.status_of("GET", "/auth/me")


async def test_invitation_is_accepted_or_declined(
    visitors: Visitors, ann: Person, served_instance: ServedInstance
) -> None:
    """The navigation shows the number of open invitations. Accepting one opens the project."""
    async with Person.sign_up(served_instance) as bob:
        projects = {}
        for name, role in (("garden", "member"), ("kitchen", "viewer")):
            projects[name] = (await ann.project(REPO, name))["id"]
            invited = {"email": bob.email, "role": role}
            await ann.ask("POST", f"/projects/{projects[name]}/invitations", invited)
        visitor = await visitors(bob)
        await visitor.go("/invitations")
        await expect(visitor.link("Invitations 2")).to_be_visible()

        await visitor.button("Decline the invitation to kitchen").click()
        await expect(visitor.link("Invitations 1")).to_be_visible()
        await visitor.button("Join garden").click()

        await expect(visitor.says("You joined garden.")).to_be_visible()
        assert f"/projects/{projects['garden']}" == urlsplit(visitor.page.url).path
        await expect(visitor.page.get_by_role("link", name="Invitations")).to_have_count(0)
        assert ["garden"] == [each["name"] for each in (await bob.ask("GET", "/projects"))["data"]]
