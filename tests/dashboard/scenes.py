"""A project that has content on each of its pages."""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.people import Json, Person

from pushpaka_core.testing.repositories import Repository

PARTS = (
    *("", "/deployments", "/logs", "/env", "/storage", "/domains", "/integrations", "/members"),
    "/settings",
)
"""The paths of a project's pages, relative to the path of the project."""


@frozen(kw_only=True)
class Shop:
    """A project with a running, a replaced and a failed deployment."""

    repository: Repository
    project: Json
    older: Json
    running: Json
    failed: Json

    @property
    def addresses(self) -> Mapping[str, str]:
        """The paths of the project's pages, by name."""
        path = f"/projects/{self.project['id']}"
        parts = {f"project{part.replace('/', '-')}": f"{path}{part}" for part in PARTS}
        return parts | {
            "deployment": f"/deployments/{self.running['id']}",
            "deployment-failed": f"/deployments/{self.failed['id']}",
        }


async def open_shop(owner: Person, repositories: Path) -> Shop:
    """Deploy three versions, and create one resource of each other kind."""
    repository = repository_of(repositories / "shop", server("v1"))
    project = await owner.project(repository.path)
    older = await owner.deploy(project)
    edit(repository, "app.py", "v1", "v2")
    running = await owner.deploy(project)
    await owner.ask("PATCH", f"/projects/{project['id']}", {"build_command": "sh build.sh"})
    repository.commit(
        "Bundle the scripts", {"build.sh": "echo bundling\necho no space >&2\nexit 3\n"}
    )
    failed = await owner.outcome(await owner.begin(project))
    about = {"project_id": project["id"]}
    for key, scope in (("DATABASE_URL", "production"), ("DATABASE_URL", "preview"), ("TZ", "all")):
        await owner.ask("POST", "/env", {**about, "key": key, "value": "x", "scope": scope})
    for name in ("media", "orders"):
        volume = await owner.ask("POST", "/volumes", {**about, "name": name, "mount_path": name})
    await owner.ask("DELETE", f"/volumes/{volume['id']}")
    await owner.ask("POST", "/domains", {**about, "domain": "shop.example.com"})
    await owner.ask("POST", "/webhooks", {**about, "provider": "github"})
    await owner.ask("POST", f"/projects/{project['id']}/deploy-key")
    invited = {"email": "bob@example.com", "role": "viewer"}
    await owner.ask("POST", f"/projects/{project['id']}/invitations", invited)
    return Shop(repository=repository, project=project, older=older, running=running, failed=failed)
