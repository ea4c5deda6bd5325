"""Plans, which show what a deployment would do."""

from typing import Any

import pytest
from tests.http.clients import REPO, Person, statuses_of
from tests.http.instances import Instance

from pushpaka_core.adapters.memory.source import MemoryCommit

pytestmark = pytest.mark.anyio

FIELDS = [
    "branch", "commit_sha", "commit_message", "commit_author", "kind", "framework",
    "framework_origin", "language", "language_version", "package_manager",
    "package_manager_version", "directory", "install", "build", "processes", "static", "settings",
    "added_packages", "env", "volumes", "watch_paths", "evidence", "rejected", "explanation",
]  # fmt: skip
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
    instance.services.source.repositories[REPO] = {
        "main": commits,
        "next": [MemoryCommit(sha="b" * 40, files={"index.html": ""})],
    }


async def plan_of(person: Person, body: Any = None) -> Any:
    project = await person.project(port=8080)
    return await person.post(f"/projects/{project['id']}/plan", body)


async def test_a_plan_has_every_choice_and_its_origin(ann: Person) -> None:
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
        "generated": [],
    } == plan["env"]
    assert ["src/**"] == plan["watch_paths"]
    assert "pushpaka.toml" in {evidence["path"] for evidence in plan["evidence"]}
    assert "dockerfile" == plan["rejected"][0]["framework"]
    assert plan["explanation"][0].startswith("Detected flask")


async def test_a_deployment_that_would_fail_is_a_conflict(ann: Person) -> None:
    answer = await plan_of(ann, {"branch": "gone"})

    assert (409, "plan_failed") == (answer.status_code, answer.json()["code"])
    assert answer.json()["error"].startswith("The branch gone does not exist.")


async def test_plans_and_deployments_have_separate_limits(ann: Person) -> None:
    project = await ann.project()

    answers = [await ann.post(f"/projects/{project['id']}/plan") for _ in range(11)]
    deployed = await ann.post("/deployments", {"project_id": project["id"]})

    assert [200] * 10 + [429] == statuses_of(*answers)
    assert 1 <= int(answers[-1].headers["Retry-After"])
    assert 201 == deployed.status_code
