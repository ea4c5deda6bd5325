"""Tests the environment variables of a project on the page. Values are never shown."""

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.tools.people import Json, Person
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

REPO = "https://git.example.com/ann/shop.git"


@pytest.fixture
async def project(ann: Person) -> Json:
    return await ann.project(REPO)


def entries(visitor: Visitor) -> Locator:
    """Find the listed environment variables."""
    return visitor.page.get_by_role("list", name="Environment variables").get_by_role("listitem")


async def stored_variables(person: Person, project: Json) -> list[tuple[str, str]]:
    """Return the environment variables of the project from the API, as keys and scopes."""
    listed = await person.ask("GET", f"/env?project_id={project['id']}")
    return [(each["key"], each["scope"]) for each in listed["data"]]


async def test_env_var_can_be_set_changed_and_removed(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The error for a reserved name is shown next to its field. Saved values are not shown."""
    await visitor.go(f"/projects/{project['id']}/env")
    await expect(visitor.heading("No environment variables yet")).to_be_visible()

    name = visitor.page.get_by_label("Name")
    await visitor.button("Add variable").click()
    await name.fill("PATH")
    await visitor.page.get_by_label("Value").fill("  hush-hush\n")
    await visitor.page.get_by_label("Scope").select_option("preview")
    await visitor.button("Save").click()
    await expect(name).to_have_accessible_description(
        "Is reserved: Pushpaka sets or protects this variable. Choose another name."
    )
    await expect(name).to_be_focused()
    visitor.require_failed_responses("400 POST /api/v1/env")
    await name.fill("GREETING")
    await visitor.button("Save").click()

    await expect(entries(visitor)).to_contain_text(["GREETING"])
    await expect(visitor.says("Previews")).to_be_visible()
    assert "hush-hush" not in await visitor.page.content()

    await visitor.button("Edit GREETING").click()
    await visitor.page.get_by_label("Value").fill("another")
    await visitor.button("Save").click()
    await expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    assert [("GREETING", "preview")] == await stored_variables(ann, project)

    await visitor.button("Remove GREETING").click()
    await visitor.confirm("Remove")
    await expect(visitor.heading("No environment variables yet")).to_be_visible()
    assert [] == await stored_variables(ann, project)


async def test_a_whole_file_can_be_pasted(visitor: Visitor, ann: Person, project: Json) -> None:
    """The page previews changes and errors. The user can leave out individual lines."""
    about = {"project_id": project["id"], "scope": "production"}
    await ann.ask("POST", "/env", {**about, "key": "LEVEL", "value": "info"})
    await visitor.go(f"/projects/{project['id']}/env")

    await visitor.button("Import .env").click()
    text = 'export LEVEL=debug # all\nKEY="-----BEGIN\nabc\n-----END"\nnonsense\nHOME=/\nEXTRA=1\n'
    await visitor.page.get_by_label("Contents").fill(text)
    await visitor.page.get_by_label("Scope").select_option("production")

    preview = visitor.page.get_by_role("group", name="Variables to save").get_by_role("listitem")
    await expect(preview).to_have_text(
        [
            "LEVEL5 charactersChanged",
            "KEY23 characters, 3 linesNew",
            "HOME1 characterNew",
            "EXTRA1 characterNew",
        ]
    )
    await expect(visitor.says("Line 5: “nonsense” has no “=”.")).to_be_visible()

    await visitor.page.get_by_label("EXTRA").uncheck()
    await visitor.button("Save 3 variables").click()
    line = visitor.page.get_by_role("listitem").filter(has_text="HOME").first
    await expect(line).to_contain_text("Pushpaka sets or protects this variable")
    assert [("LEVEL", "production")] == await stored_variables(ann, project)
    visitor.require_failed_responses(f"400 PUT /api/v1/projects/{project['id']}/env")
    await visitor.page.get_by_label("HOME").uncheck()
    await visitor.button("Save 2 variables").click()

    await expect(entries(visitor)).to_contain_text(["KEY", "LEVEL"])
    assert [("KEY", "production"), ("LEVEL", "production")] == await stored_variables(ann, project)
