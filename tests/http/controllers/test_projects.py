"""Projects are created, changed and deleted, with their settings and deploy keys."""

import pytest
from tests.http.clients import Person, statuses_of

pytestmark = pytest.mark.anyio

FIELDS = [
    "id", "owner_id", "name", "slug", "repo_url", "branch", "root_dir", "install_command",
    "build_command", "start_command", "port", "framework", "health_check", "health_check_path",
    "health_check_timeout", "rollback_window", "replicas", "cpu_limit", "memory_limit",
    "auto_deploy", "has_git_token", "env_changed", "status", "url", "current_deployment_id",
    "created_at", "updated_at", "role", "has_deploy_key",
    "has_registry_credentials",
]  # fmt: skip


async def test_a_project_is_created(ann: Person) -> None:
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
    expected = {
        "owner_id": ann.user["id"],
        "slug": "my-app",
        "status": "inactive",
        "url": "http://my-app.localhost:8000",
        "current_deployment_id": None,
        "has_git_token": False,
    }
    assert (201, FIELDS) == (answer.status_code, list(project))
    assert (body | expected).items() <= project.items()


async def test_settings_have_defaults_until_they_are_set(ann: Person) -> None:
    """Setting a field to null restores its default."""
    values = {
        "port": (3000, 8080),
        "health_check": ("http", "tcp"),
        "health_check_timeout": (60, 5),
        "rollback_window": (30, 0),
        "replicas": (1, 2),
    }
    default = {name: value for name, (value, _) in values.items()}
    chosen = {name: value for name, (_, value) in values.items()}
    project = await ann.project()

    changed = await ann.ask("PATCH", f"/projects/{project['id']}", chosen)
    reset = await ann.ask("PATCH", f"/projects/{project['id']}", dict.fromkeys(chosen))

    assert default.items() <= project.items()
    assert chosen.items() <= changed.json().items()
    assert default.items() <= reset.json().items()


async def test_a_git_token_is_never_shown(ann: Person) -> None:
    project = await ann.project(git_token="ghp_canary")

    shown = await ann.get(f"/projects/{project['id']}")

    assert shown.json()["has_git_token"]
    assert "ghp_canary" not in shown.text


async def test_a_tcp_health_check_has_no_path(ann: Person) -> None:
    project = await ann.project(health_check_path="/up")
    address = f"/projects/{project['id']}"

    refused = await ann.ask("PATCH", address, {"health_check": "tcp"})
    changed = await ann.ask("PATCH", address, {"health_check": "tcp", "health_check_path": None})
    refused_too = await ann.ask("PATCH", address, {"health_check_path": "/up"})

    for answer in (refused, refused_too):
        assert 400 == answer.status_code
        assert {
            "health_check": 'must be "http" while a health_check_path is set',
            "health_check_path": 'must be empty: the health check "tcp" requests no path',
        } == {problem["field"]: problem["message"] for problem in answer.json()["details"]}
    assert {"health_check": "tcp", "health_check_path": None}.items() <= changed.json().items()


async def test_a_deploy_key_is_created_shown_and_rotated(ann: Person) -> None:
    """A second POST replaces the key. The private key is never shown."""
    project = await ann.project()
    path = f"/projects/{project['id']}/deploy-key"

    created = await ann.post(path)
    shown = await ann.get(path)
    rotated = await ann.post(path)

    assert [201, 200, 201] == statuses_of(created, shown, rotated)
    assert ["project_id", "public_key", "fingerprint", "created_at"] == list(created.json())
    assert created.json() == shown.json()
    assert project["id"] == created.json()["project_id"]
    assert created.json()["public_key"].startswith("ssh-ed25519 ")
    assert created.json()["public_key"] != rotated.json()["public_key"]
    assert rotated.json() == (await ann.get(path)).json()


async def test_project_shows_whether_it_has_a_deploy_key(ann: Person) -> None:
    project, other = await ann.project("shop"), await ann.project("blog")
    path = f"/projects/{project['id']}/deploy-key"

    await ann.post(path)
    listed = (await ann.get("/projects")).json()["data"]
    answer = await ann.ask("DELETE", path)

    assert {project["id"]: True, other["id"]: False} == {
        each["id"]: each["has_deploy_key"] for each in listed
    }
    assert (200, {"message": "The deploy key was removed."}) == (answer.status_code, answer.json())
    for method in ("GET", "DELETE"):
        missing = await ann.ask(method, path)
        assert (404, "There is no such deploy key, or you do not have access to it.") == (
            missing.status_code,
            missing.json()["error"],
        )
