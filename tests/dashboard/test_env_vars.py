"""The env vars of a project: set one by one or as a whole file, and never shown."""

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.people import Json, Person
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

REPO = "https://git.example.com/ann/shop.git"


@pytest.fixture
async def project(ann: Person) -> Json:
    return await ann.project(REPO)


def entries(visitor: Visitor) -> Locator:
    """Find the env vars that are listed."""
    return visitor.page.get_by_role("list", name="Env vars").get_by_role("listitem")


async def kept(person: Person, project: Json) -> list[tuple[str, str]]:
    """Return the env vars of a project as the API has them."""
    listed = await person.ask("GET", f"/env?project_id={project['id']}")
    return [(each["key"], each["scope"]) for each in listed["data"]]


async def test_one_is_set_changed_and_removed(visitor: Visitor, ann: Person, project: Json) -> None:
    """Its value is typed, and seen by nobody afterwards."""
    await visitor.go(f"/projects/{project['id']}/env")
    await expect(visitor.heading("No env vars yet")).to_be_visible()

    await visitor.button("Add").click()
    await visitor.page.get_by_label("Name").fill("GREETING")
    await visitor.page.get_by_label("Value").fill("  hush-hush\n")
    await visitor.page.get_by_label("Seen by").select_option("preview")
    await visitor.button("Set it").click()

    await expect(entries(visitor)).to_contain_text(["GREETING"])
    await expect(visitor.says("Previews")).to_be_visible()
    assert "hush-hush" not in await visitor.page.content()

    await visitor.button("Change GREETING").click()
    await visitor.page.get_by_label("Value").fill("another")
    await visitor.button("Change it").click()
    await expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    assert [("GREETING", "preview")] == await kept(ann, project)

    await visitor.button("Remove GREETING").click()
    await visitor.button("Remove it").click()
    await expect(visitor.heading("No env vars yet")).to_be_visible()
    assert [] == await kept(ann, project)


async def test_what_is_wrong_is_told_at_its_field(visitor: Visitor, project: Json) -> None:
    """In the words of the API, and the rest of what was typed is still there."""
    await visitor.go(f"/projects/{project['id']}/env")

    await visitor.button("Add").click()
    await visitor.page.get_by_label("Name").fill("PATH")
    await visitor.page.get_by_label("Value").fill("/bin")
    await visitor.button("Set it").click()

    name = visitor.page.get_by_label("Name")
    await expect(name).to_have_accessible_description(
        "Must not be PATH: the platform sets or protects this name."
    )
    await expect(name).to_be_focused()
    await expect(visitor.page.get_by_label("Value")).to_have_value("/bin")
    visitor.expect_refused("400 POST /api/v1/env")


async def test_a_whole_file_is_pasted(visitor: Visitor, ann: Person, project: Json) -> None:
    """What will be set is shown first, what cannot be read is told, and what is not wanted left."""
    about = {"project_id": project["id"], "scope": "production"}
    await ann.ask("POST", "/env", {**about, "key": "LEVEL", "value": "info"})
    await visitor.go(f"/projects/{project['id']}/env")

    await visitor.button("Paste a .env file").click()
    text = 'export LEVEL=debug # all\nKEY="-----BEGIN\nabc\n-----END"\nnonsense\nEXTRA=1\n'
    await visitor.page.get_by_label("Its text").fill(text)
    await visitor.page.get_by_label("Seen by").select_option("production")

    preview = visitor.page.get_by_role("group", name="What will be set").get_by_role("listitem")
    await expect(preview).to_have_text(
        [
            "LEVEL5 charactersChanges",
            "KEY23 characters, 3 linesNew",
            "EXTRA1 characterNew",
        ]
    )
    await expect(visitor.says("Line 5: “nonsense” has no “=”.")).to_be_visible()

    await visitor.page.get_by_label("EXTRA").uncheck()
    await visitor.button("Set 2 env vars").click()

    await expect(entries(visitor)).to_contain_text(["KEY", "LEVEL"])
    assert [("KEY", "production"), ("LEVEL", "production")] == await kept(ann, project)


async def test_what_is_refused_of_a_file_is_told_beside_it(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """Nothing is set then, and it can be left out."""
    await visitor.go(f"/projects/{project['id']}/env")

    await visitor.button("Paste a .env file").click()
    await visitor.page.get_by_label("Its text").fill("A=1\nHOME=/root")
    await visitor.button("Set 2 env vars").click()

    line = visitor.page.get_by_role("listitem").filter(has_text="HOME").first
    await expect(line).to_contain_text("the platform sets or protects this name")
    assert [] == await kept(ann, project)
    visitor.expect_refused(f"400 PUT /api/v1/projects/{project['id']}/env")

    await visitor.page.get_by_label("HOME").uncheck()
    await visitor.button("Set 1 env var").click()
    await expect(entries(visitor)).to_contain_text(["A"])
