"""Plans of projects: what a deployment would do, in answer to one request."""

from typing import Any

import pytest
from tests.http.clients import REPO, Person
from tests.http.instances import Instance

from pushpaka_core.adapters.memory.source import MemoryCommit

pytestmark = pytest.mark.anyio

FIELDS = [
    "branch",
    "commit_sha",
    "commit_message",
    "commit_author",
    "kind",
    "framework",
    "framework_origin",
    "language",
    "language_version",
    "package_manager",
    "package_manager_version",
    "directory",
    "install",
    "build",
    "processes",
    "static",
    "settings",
    "image",
    "added_packages",
    "env",
    "watch_paths",
    "evidence",
    "rejected",
    "explanation",
]
FLASK = {
    "Dockerfile": "FROM python",
    "requirements.txt": "flask\ngunicorn\n",
    "main.py": "import flask, os\napp = flask.Flask('shop')\nos.environ['KEY']\n",
    "Procfile": "worker: ./work\n",
    "pushpaka.toml": "replicas = 2\nwatch_paths = ['src/**']\nenv.required = ['KEY']\n",
}


@pytest.fixture(autouse=True)
def repository(instance: Instance) -> None:
    commits = [MemoryCommit(sha="a" * 40, files=FLASK)]
    instance.world.source.repositories[REPO] = {
        "main": commits,
        "next": [MemoryCommit(sha="b" * 40, files={"index.html": ""})],
    }


async def plan_of(person: Person, body: Any = None) -> Any:
    project = await person.project(port=8080)
    return await person.post(f"/projects/{project['id']}/plan", body)


async def test_it_says_what_would_be_done_and_why(ann: Person) -> None:
    """Each choice has its origin; the names of env vars are told, and what was rejected."""
    answer = await plan_of(ann)

    plan = answer.json()
    assert 200 == answer.status_code
    assert FIELDS == list(plan)
    assert ("main", "a" * 40, "program") == (plan["branch"], plan["commit_sha"], plan["kind"])
    assert ("flask", "detected", "python") == (
        plan["framework"],
        plan["framework_origin"],
        plan["language"],
    )
    assert {"command": "./work", "origin": "Procfile"} == plan["processes"]["worker"]
    assert "detected" == plan["processes"]["web"]["origin"]
    assert {"value": 8080, "origin": "project"} == plan["settings"]["port"]
    assert {"value": 2, "origin": "pushpaka.toml"} == plan["settings"]["replicas"]
    assert {"value": None, "origin": "default"} == plan["settings"]["memory_limit"]
    assert {
        "read": ["KEY"],
        "unset": ["KEY"],
        "required": ["KEY"],
        "missing": ["KEY"],
    } == plan["env"]
    assert ["src/**"] == plan["watch_paths"]
    assert "pushpaka.toml" in {evidence["path"] for evidence in plan["evidence"]}
    assert "dockerfile" == plan["rejected"][0]["framework"]
    assert plan["image"] is None
    assert plan["explanation"][0].startswith("Detected flask")


async def test_another_commit_can_be_asked_for(ann: Person) -> None:
    """A site is told as what is served."""
    plan = (await plan_of(ann, {"branch": "next", "commit_sha": "bbbbbbb"})).json()

    expected = {"directory": ".", "fallback": None, "not_found": None, "origin": "detected"}
    assert ("next", "b" * 40, "static") == (plan["branch"], plan["commit_sha"], plan["kind"])
    assert expected == plan["static"]


async def test_what_would_fail_is_a_conflict(ann: Person) -> None:
    """The sentence is the one of the log."""
    answer = await plan_of(ann, {"branch": "gone"})

    assert (409, "plan_failed") == (answer.status_code, answer.json()["code"])
    assert answer.json()["error"].startswith("The branch gone does not exist.")


async def test_wrong_fields_are_told(ann: Person) -> None:
    """All at once, as everywhere."""
    answer = await plan_of(ann, {"branch": "-q", "root_dir": "../x", "target": "x", "y": 1})

    fields = {detail["field"] for detail in answer.json()["details"]}
    assert 400 == answer.status_code
    assert {"branch", "root_dir", "target", "y"} == fields


async def test_only_so_many_are_made_in_a_minute(ann: Person) -> None:
    """Each costs a clone; deployments are counted by themselves."""
    project = await ann.project()

    answers = [await ann.post(f"/projects/{project['id']}/plan") for _ in range(11)]
    deployed = await ann.post("/deployments", {"project_id": project["id"]})

    assert [200] * 10 + [429] == [answer.status_code for answer in answers]
    assert 1 <= int(answers[-1].headers["Retry-After"])
    assert 201 == deployed.status_code
