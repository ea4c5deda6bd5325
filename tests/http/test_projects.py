"""Projects."""

from typing import Any

import pytest
from tests.http.clients import REPO, Person
from tests.http.instances import Instance

pytestmark = pytest.mark.anyio

FIELDS = [
    "id",
    "user_id",
    "name",
    "slug",
    "repo_url",
    "branch",
    "root_dir",
    "install_command",
    "build_command",
    "start_command",
    "port",
    "framework",
    "health_check_path",
    "health_check_timeout",
    "replicas",
    "cpu_limit",
    "memory_limit",
    "auto_deploy",
    "has_git_token",
    "env_changed",
    "status",
    "url",
    "current_deployment_id",
    "created_at",
    "updated_at",
    "role",
    "has_deploy_key",
]


async def test_the_request_of_the_document_makes_a_project(ann: Person) -> None:
    """The document's own example works, and the answer has the contract's fields in their order."""
    body = {
        "name": "my-app",
        "repo_url": "https://github.com/user/repo",
        "branch": "main",
        "build_command": "npm run build",
        "start_command": "npm start",
        "port": 3000,
        "framework": "nextjs",
    }

    answer = await ann.post("/projects", body)

    project = answer.json()
    assert 201 == answer.status_code
    assert FIELDS == list(project)
    assert body.items() <= project.items()
    assert ann.user["id"] == project["user_id"]
    assert "my-app" == project["slug"]
    assert "inactive" == project["status"]
    assert "http://my-app.localhost:8000" == project["url"]
    assert project["current_deployment_id"] is None
    assert not project["has_git_token"]


async def test_what_nobody_chose_is_shown_as_it_will_be(ann: Person) -> None:
    """Port, time-out and replicas have their usual numbers until they are set; null unsets them."""
    chosen = {"port": 8080, "health_check_timeout": 5, "replicas": 2}
    project = await ann.project()

    changed = await ann.ask("PATCH", f"/projects/{project['id']}", chosen)
    taken_back = await ann.ask("PATCH", f"/projects/{project['id']}", dict.fromkeys(chosen))

    usual = {"port": 3000, "health_check_timeout": 60, "replicas": 1}
    assert usual.items() <= project.items()
    assert chosen.items() <= changed.json().items()
    assert usual.items() <= taken_back.json().items()


async def test_a_git_token_is_never_shown(ann: Person) -> None:
    """Of a token only that there is one is told."""
    project = await ann.project(git_token="ghp_canary")

    shown = await ann.get(f"/projects/{project['id']}")

    assert shown.json()["has_git_token"]
    assert "ghp_canary" not in shown.text


async def test_rules_types_and_the_operators_policy_are_told_at_once(ann: Person) -> None:
    """Whoever judges a field, a client sees in one answer all that there is to mend."""
    body = {
        "name": "",
        "repo_url": "file:///etc",
        "port": "80",
        "framework": "cobol",
        "replicas": 2**70,
        "colour": "red",
    }

    answer = await ann.post("/projects", body)

    told = {problem["field"]: problem["message"] for problem in answer.json()["details"]}
    assert 400 == answer.status_code
    assert body.keys() == told.keys()
    assert "fastapi, " in told["framework"]


async def test_changes_are_told_the_same(ann: Person) -> None:
    """Null where a setting must have a value is one problem among the others."""
    project = await ann.project()

    answer = await ann.ask(
        "PATCH", f"/projects/{project['id']}", {"name": None, "repo_url": "x", "framework": ""}
    )

    assert 400 == answer.status_code
    assert {"name", "repo_url", "framework"} == {p["field"] for p in answer.json()["details"]}


@pytest.mark.parametrize("form", ["{{{}}}", "urn:uuid:{}", "{}x", " {}", "%00"])
async def test_an_id_has_one_form(ann: Person, form: str) -> None:
    """What is written otherwise names nothing."""
    project = await ann.project()
    other_forms = [form.format(project["id"]), project["id"].replace("-", "")]

    answers = [await ann.get(f"/projects/{text}") for text in other_forms]

    assert [404, 404] == [answer.status_code for answer in answers]
    assert {"There is no such project."} == {answer.json()["error"] for answer in answers}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"repo_url": "--upload-pack=touch x"}, {"repo_url"}),
        ({"repo_url": "https://user:token@git.example.com/x"}, {"repo_url"}),
        ({"repo_url": "http://127.0.0.1/x"}, {"repo_url"}),
        ({"branch": "-q"}, {"branch"}),
        ({"root_dir": "../.."}, {"root_dir"}),
        ({"port": 0}, {"port"}),
        ({"port": "80"}, {"port"}),
        ({"port": 1.5}, {"port"}),
        ({"port": True}, {"port"}),
        ({"framework": "cobol-on-cogs"}, {"framework"}),
        ({"health_check_path": "//evil"}, {"health_check_path"}),
        ({"cpu_limit": -1, "memory_limit": "999g"}, {"cpu_limit", "memory_limit"}),
        ({"status": "active", "user_id": "x"}, {"status", "user_id"}),
        ({"name": None}, {"name"}),
    ],
)
async def test_bad_settings_are_told_field_by_field(
    ann: Person, changes: dict[str, Any], fields: set[str]
) -> None:
    """What a project may not be is refused with a sentence for each field."""
    answer = await ann.post("/projects", {"name": "shop", "repo_url": REPO, **changes})

    assert 400 == answer.status_code
    assert fields == {problem["field"] for problem in answer.json()["details"]}


async def test_a_name_is_used_once(ann: Person, bob: Person) -> None:
    """A name is unique for its owner, and only for them."""
    await ann.project("shop")

    again = await ann.post("/projects", {"name": "shop", "repo_url": REPO})
    others = await bob.post("/projects", {"name": "shop", "repo_url": REPO})

    assert (409, "duplicate") == (again.status_code, again.json()["code"])
    assert (201, "shop-2") == (others.status_code, others.json()["slug"])


async def test_the_list_shows_own_projects_alone(ann: Person, bob: Person) -> None:
    """A list is an object with its data, empty where there is nothing."""
    project = await ann.project()

    mine, others = await ann.get("/projects"), await bob.get("/projects")

    assert {"data": [project]} == mine.json()
    assert {"data": []} == others.json()


async def test_a_change_touches_what_it_names(ann: Person) -> None:
    """What is absent from a change stays, and null takes a choice back."""
    project = await ann.project(build_command="make", start_command="./run")

    answer = await ann.ask(
        "PATCH", f"/projects/{project['id']}", {"build_command": None, "port": 8080}
    )

    assert 200 == answer.status_code
    assert FIELDS == list(answer.json())
    expected = project | {"build_command": None, "port": 8080}
    assert expected == answer.json()


@pytest.mark.parametrize("changes", [{"branch": None}, {"repo_url": "ext::sh -c x"}, {"slug": "x"}])
async def test_a_bad_change_changes_nothing(ann: Person, changes: dict[str, Any]) -> None:
    """Changes are judged by the rules of a new project."""
    project = await ann.project()

    answer = await ann.ask("PATCH", f"/projects/{project['id']}", changes)

    assert 400 == answer.status_code
    assert list(changes) == [problem["field"] for problem in answer.json()["details"]]
    assert project == (await ann.get(f"/projects/{project['id']}")).json()


async def test_a_deleted_project_is_gone_and_its_name_is_free(ann: Person) -> None:
    """A deletion answers a message; from then on the project does not exist."""
    project = await ann.project("shop")

    answer = await ann.ask("DELETE", f"/projects/{project['id']}")

    assert (200, {"message": "The project was deleted."}) == (answer.status_code, answer.json())
    assert 404 == (await ann.get(f"/projects/{project['id']}")).status_code
    assert 404 == (await ann.ask("DELETE", f"/projects/{project['id']}")).status_code
    assert 201 == (await ann.post("/projects", {"name": "shop", "repo_url": REPO})).status_code


async def test_a_project_is_what_its_deployments_are(ann: Person, instance: Instance) -> None:
    """The status follows the deployments."""
    project = await ann.project()
    await ann.deployment(project["id"])
    building = (await ann.get(f"/projects/{project['id']}")).json()

    await instance.serve()

    active = (await ann.get(f"/projects/{project['id']}")).json()
    assert "building" == building["status"]
    assert "active" == active["status"]
