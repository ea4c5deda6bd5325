"""Domains of one's own in the page: claimed, proven and given up."""

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.people import Json, Person
from tests.dashboard.visitors import Visitor
from tests.name_server import NameServer

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

DOMAIN = "shop.example.com"
CHALLENGE = f"_pushpaka-challenge.{DOMAIN}"


@pytest.fixture
async def project(ann: Person) -> Json:
    return await ann.project("https://git.example.com/ann/shop.git")


def field(visitor: Visitor) -> Locator:
    """Find where a new domain is typed."""
    return visitor.page.get_by_role("textbox", name="Domain")


async def test_a_domain_is_claimed_and_proven(
    visitor: Visitor, ann: Person, project: Json, name_server: NameServer
) -> None:
    """The page says which record to set, what was seen instead, and what is left to do."""
    await visitor.go(f"/projects/{project['id']}/domains")
    await expect(visitor.heading("No domains of your own yet")).to_be_visible()

    await visitor.button("Add a domain").click()
    await field(visitor).fill(DOMAIN)
    await visitor.button("Add it").click()

    await expect(visitor.says(CHALLENGE)).to_be_visible()
    (domain,) = (await ann.ask("GET", "/domains"))["data"]
    await expect(visitor.says(domain["verification"]["value"])).to_be_visible()

    await visitor.page.get_by_role("button", name="Verify now").click()
    reason = f"The TXT record {CHALLENGE} was not found."
    await expect(visitor.says(reason)).to_be_visible()

    name_server.zone.records[CHALLENGE, "TXT"] = (domain["verification"]["value"],)
    name_server.zone.records[DOMAIN, "A"] = ("203.0.113.7",)
    await visitor.page.get_by_role("button", name="Verify now").click()
    await expect(visitor.says("Proven")).to_be_visible()
    await expect(visitor.says("Seen: 203.0.113.7.")).to_be_visible()
    await expect(visitor.says(project["slug"] + ".localhost")).to_be_visible()


async def test_a_domain_is_given_up(visitor: Visitor, ann: Person, project: Json) -> None:
    """After a question that says what follows from it."""
    await ann.ask("POST", "/domains", {"project_id": project["id"], "domain": DOMAIN})
    await visitor.go(f"/projects/{project['id']}/domains")

    await visitor.button(f"Remove {DOMAIN}").click()
    await expect(visitor.page.get_by_role("dialog")).to_contain_text("anybody may claim the name")
    await visitor.button("Remove it").click()

    await expect(visitor.heading("No domains of your own yet")).to_be_visible()
    assert [] == (await ann.ask("GET", "/domains"))["data"]


async def test_what_is_no_domain_is_told_at_its_field(visitor: Visitor, project: Json) -> None:
    """With an example of what is."""
    await visitor.go(f"/projects/{project['id']}/domains")

    await visitor.button("Add a domain").click()
    await field(visitor).fill("shop")
    await visitor.button("Add it").click()

    await expect(field(visitor)).to_have_accessible_description(
        'Must be a domain name in ASCII, as in "app.example.com".'
    )
    visitor.expect_refused("400 POST /api/v1/domains")
