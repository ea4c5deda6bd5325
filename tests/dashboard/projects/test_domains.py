"""Tests how custom domains are added, verified and deleted on the page."""

import pytest
from playwright.async_api import expect
from tests.acceptance.tools.people import Person
from tests.dashboard.visitors import Visitor
from tests.servers.name_server import NameServer

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

DOMAIN = "shop.example.com"
CHALLENGE = f"_pushpaka-challenge.{DOMAIN}"


async def test_a_domain_is_added_verified_and_deleted(
    visitor: Visitor, ann: Person, name_server: NameServer
) -> None:
    """The page shows the required record, the existing records, and the effect of a deletion."""
    project = await ann.project("https://git.example.com/ann/shop.git")
    field = visitor.page.get_by_role("textbox", name="Domain")
    await visitor.go(f"/projects/{project['id']}/domains")
    await expect(visitor.heading("No custom domains yet")).to_be_visible()

    await visitor.button("Add domain").click()
    await field.fill("shop")
    await visitor.button("Add").click()
    await expect(field).to_have_accessible_description(
        'Must be a domain name in ASCII, such as "app.example.com".'
    )
    visitor.require_failed_responses("400 POST /api/v1/domains")
    await field.fill(DOMAIN)
    await visitor.button("Add").click()
    await expect(visitor.says(CHALLENGE)).to_be_visible()
    (domain,) = (await ann.ask("GET", "/domains"))["data"]
    await expect(visitor.says(domain["verification"]["value"])).to_be_visible()

    await visitor.page.get_by_role("button", name="Verify").click()
    reason = f"The TXT record {CHALLENGE} was not found."
    await expect(visitor.says(reason)).to_be_visible()
    name_server.zone.records[CHALLENGE, "TXT"] = (domain["verification"]["value"],)
    name_server.zone.records[DOMAIN, "A"] = ("203.0.113.7",)
    await visitor.page.get_by_role("button", name="Verify").click()
    await expect(visitor.says("Verified")).to_be_visible()
    await expect(visitor.says("Current addresses: 203.0.113.7.")).to_be_visible()
    await expect(visitor.says(project["slug"] + ".localhost")).to_be_visible()

    await visitor.button(f"Remove {DOMAIN}").click()
    await expect(visitor.dialog).to_contain_text("anyone will be able to claim it")
    await visitor.confirm("Remove")
    await expect(visitor.heading("No custom domains yet")).to_be_visible()
    assert [] == (await ann.ask("GET", "/domains"))["data"]
