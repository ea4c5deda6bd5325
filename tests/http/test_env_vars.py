"""Env vars, whose values go in and never come out."""

from typing import Any

import pytest
from tests.http.clients import NOBODY, Person

pytestmark = pytest.mark.anyio

CANARY = "postgres://canary"
FIELDS = ["id", "project_id", "key", "scope", "value", "has_value", "created_at", "updated_at"]


async def test_a_value_is_set_and_never_shown(ann: Person) -> None:
    """The answer and the list show the mask, whatever the value."""
    project = await ann.project()
    body = {"project_id": project["id"], "key": "DATABASE_URL", "value": CANARY}

    answer = await ann.post("/env", body)
    listed = await ann.get(f"/env?project_id={project['id']}")

    assert 200 == answer.status_code
    assert FIELDS == list(answer.json())
    assert ("DATABASE_URL", "all", "********", True) == tuple(
        answer.json()[name] for name in ("key", "scope", "value", "has_value")
    )
    assert {"data": [answer.json()]} == listed.json()
    assert "canary" not in answer.text + listed.text


async def test_an_empty_value_looks_like_any_other(ann: Person) -> None:
    """Nothing tells how long a value is."""
    project = await ann.project()

    answer = await ann.post("/env", {"project_id": project["id"], "key": "EMPTY", "value": ""})

    assert ("********", True) == (answer.json()["value"], answer.json()["has_value"])


async def test_setting_again_updates(ann: Person) -> None:
    """A key has one value in each scope."""
    project = await ann.project()
    body = {"project_id": project["id"], "key": "MODE", "value": "a"}
    first = await ann.post("/env", body)

    again = await ann.post("/env", body | {"value": "b"})
    preview = await ann.post("/env", body | {"scope": "preview"})

    assert (200, first.json()["id"]) == (again.status_code, again.json()["id"])
    assert first.json()["id"] != preview.json()["id"]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"key": ""}, {"key"}),
        ({"key": "A=B"}, {"key"}),
        ({"key": "LD_PRELOAD"}, {"key"}),
        ({"value": "a\0b"}, {"value"}),
        ({"value": 5}, {"value"}),
        ({"value": "x" * 65537}, {"value"}),
        ({"value": "a\0b", "scope": "nowhere"}, {"value", "scope"}),
        ({"project_id": "../x"}, {"project_id"}),
    ],
)
async def test_bad_env_vars_are_told_field_by_field(
    ann: Person, changes: dict[str, Any], fields: set[str]
) -> None:
    """What no environment can carry is refused."""
    project = await ann.project()
    body = {"project_id": project["id"], "key": "MODE", "value": "a"}

    answer = await ann.post("/env", body | changes)

    assert 400 == answer.status_code
    assert fields == {problem["field"] for problem in answer.json()["details"]}


async def test_many_are_set_at_once(ann: Person) -> None:
    """The answer lists what was set; other env vars stay."""
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


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (
            {"variables": {"A": "1", "1B": "2", "C": "\0", "D": 4}, "scope": "test"},
            {"variables.1B", "variables.C", "variables.D", "scope"},
        ),
        ({"variables": {"A": None}}, {"variables.A"}),
        ({"variables": {"A": "1", "1B": "2", "PATH": "3"}}, {"variables.1B", "variables.PATH"}),
        ({"variables": {}}, {"variables"}),
        ({"variables": ["A"]}, {"variables"}),
        ({}, {"variables"}),
    ],
)
async def test_of_many_all_are_set_or_none(
    ann: Person, body: dict[str, Any], fields: set[str]
) -> None:
    """One that is wrong keeps the others from being set, and is named."""
    project = await ann.project()

    answer = await ann.ask("PUT", f"/projects/{project['id']}/env", body)

    listed = await ann.get(f"/env?project_id={project['id']}")
    assert 400 == answer.status_code
    assert fields == {problem["field"] for problem in answer.json()["details"]}
    assert {"data": []} == listed.json()


async def test_a_deletion_names_what_it_deletes_in_its_body(ann: Person) -> None:
    """The document's DELETE with a JSON body works; a second time there is nothing to delete."""
    project = await ann.project()
    name = {"project_id": project["id"], "key": "MODE"}
    await ann.post("/env", name | {"value": "a"})

    answer = await ann.ask("DELETE", "/env", name)
    again = await ann.ask("DELETE", "/env", name)

    assert 200 == answer.status_code
    assert {"message": "The environment variable was deleted."} == answer.json()
    assert (404, "not_found") == (again.status_code, again.json()["code"])


async def test_a_list_is_of_one_project(ann: Person) -> None:
    """The project has to be named, and has to be one's own."""
    missing = await ann.get("/env")
    unknown = await ann.get(f"/env?project_id={NOBODY}")

    assert [{"field": "project_id", "message": "is required"}] == missing.json()["details"]
    assert 404 == unknown.status_code
