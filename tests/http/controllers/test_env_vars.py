"""Environment variables, whose values are never shown."""

import pytest
from tests.http.clients import UNKNOWN_ID, Person

pytestmark = pytest.mark.anyio

CANARY = "postgres://canary"
FIELDS = ["id", "project_id", "key", "scope", "value", "has_value", "created_at", "updated_at"]


@pytest.mark.parametrize("value", [CANARY, ""])
async def test_a_value_is_set_and_masked(ann: Person, value: str) -> None:
    """Even an empty value has the same mask, so that the response reveals nothing about it."""
    project = await ann.project()

    answer = await ann.post(
        "/env", {"project_id": project["id"], "key": "DATABASE_URL", "value": value}
    )
    listed = await ann.get(f"/env?project_id={project['id']}")

    assert (200, FIELDS) == (answer.status_code, list(answer.json()))
    assert ("DATABASE_URL", "all", "********", True) == tuple(
        answer.json()[name] for name in ("key", "scope", "value", "has_value")
    )
    assert {"data": [answer.json()]} == listed.json()
    assert "canary" not in answer.text + listed.text


async def test_several_variables_are_set_at_once(ann: Person) -> None:
    """All variables in a request are set, and variables that it does not name are kept."""
    project = await ann.project()
    path = f"/projects/{project['id']}/env"
    await ann.ask("PUT", path, {"variables": {"OLD": "1"}})

    answer = await ann.ask("PUT", path, {"variables": {"A": "1", "B": "2"}, "scope": "production"})

    listed = await ann.get(f"/env?project_id={project['id']}")
    assert 200 == answer.status_code
    assert [("A", "production"), ("B", "production")] == [
        (env_var["key"], env_var["scope"]) for env_var in answer.json()["data"]
    ]
    assert ["A", "B", "OLD"] == [env_var["key"] for env_var in listed.json()["data"]]


async def test_a_variable_named_in_the_body_is_deleted(ann: Person) -> None:
    project = await ann.project()
    name = {"project_id": project["id"], "key": "MODE"}
    await ann.post("/env", name | {"value": "a"})

    answer = await ann.ask("DELETE", "/env", name)
    again = await ann.ask("DELETE", "/env", name)

    message = {"message": "The environment variable was deleted."}
    assert (200, message) == (answer.status_code, answer.json())
    assert (404, "not_found") == (again.status_code, again.json()["code"])


async def test_a_variable_named_in_the_path_is_deleted(ann: Person) -> None:
    """No body is needed. A second deletion of the variable gets status 404."""
    project = await ann.project()
    path = f"/projects/{project['id']}/env/MODE"
    await ann.post("/env", {"project_id": project["id"], "key": "MODE", "value": "a"})

    answer = await ann.ask("DELETE", path)
    again = await ann.ask("DELETE", path)

    message = {"message": "The environment variable was deleted."}
    assert (200, message) == (answer.status_code, answer.json())
    assert (404, "not_found") == (again.status_code, again.json()["code"])


async def test_a_variable_is_deleted_in_the_scope_of_the_query(ann: Person) -> None:
    project = await ann.project()
    path = f"/projects/{project['id']}/env"
    for scope in ("production", "preview"):
        await ann.ask("PUT", path, {"variables": {"MODE": "a"}, "scope": scope})

    answer = await ann.ask("DELETE", f"{path}/MODE?scope=preview")
    wrong = await ann.ask("DELETE", f"{path}/MODE?scope=staging")

    listed = (await ann.get(f"/env?project_id={project['id']}")).json()["data"]
    assert [200, 400] == [answer.status_code, wrong.status_code]
    assert ["production"] == [env_var["scope"] for env_var in listed]


async def test_a_list_needs_a_project(ann: Person) -> None:
    missing = await ann.get("/env")
    unknown = await ann.get(f"/env?project_id={UNKNOWN_ID}")

    assert [{"field": "project_id", "message": "is required"}] == missing.json()["details"]
    assert 404 == unknown.status_code
