"""Projects with a past, so that there is something to see on each page."""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.people import Json, Person

from pushpaka_core.testing.repositories import Repository

PARTS = ("", "/deployments", "/env", "/domains", "/settings", "/hooks", "/members")
"""Where the parts of a project are, below its own address."""


@frozen(kw_only=True)
class Shop:
    """A project of which one version runs, an older one did, and the newest could not be built."""

    repository: Repository
    project: Json
    older: Json
    running: Json
    failed: Json

    @property
    def addresses(self) -> Mapping[str, str]:
        """Return the pages about it, by what they are called."""
        path = f"/projects/{self.project['id']}"
        parts = {f"project{part.replace('/', '-')}": f"{path}{part}" for part in PARTS}
        return parts | {
            "deployment": f"/deployments/{self.running['id']}",
            "deployment-failed": f"/deployments/{self.failed['id']}",
        }


async def open_shop(owner: Person, repositories: Path) -> Shop:
    """Deploy a shop of some versions, with something in each of its parts."""
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
    await owner.ask("POST", "/domains", {**about, "domain": "shop.example.com"})
    await owner.ask("POST", "/webhooks", {**about, "provider": "github"})
    await owner.ask("POST", f"/projects/{project['id']}/deploy-key")
    invited = {"email": "bob@example.com", "role": "viewer"}
    await owner.ask("POST", f"/projects/{project['id']}/invitations", invited)
    return Shop(repository=repository, project=project, older=older, running=running, failed=failed)
