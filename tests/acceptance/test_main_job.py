"""The main use case: deploy a repository, change it and roll back."""

from pathlib import Path
from uuid import uuid4

import pytest
from anyio import to_thread
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.people import Person, messages, numbers
from tests.acceptance.tools.traces import files_containing
from tests.acceptance.tools.variants import EMBEDDED, ON_SERVERS, on
from tests.engine.opened import DOCKER
from tests.served_instance import ServedInstance
from tests.swarm.opened import SWARM

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]

IN_THE_QUICK_SUITE = pytest.param(EMBEDDED, marks=pytest.mark.suite("tests"))


@on(IN_THE_QUICK_SUITE, ON_SERVERS, DOCKER, SWARM)
async def test_application_is_deployed_changed_and_rolled_back(
    ann: Person, shared_instance: ServedInstance, repositories: Path
) -> None:
    """The log is live and complete. New environment variables apply to the next deployment."""
    secret = f"canary-{uuid4().hex}"
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    path = f"/projects/{project['id']}"

    begun = await ann.begin(project)
    async with ann.watch_log(begun) as watch:
        seen = await watch.wait_until("The health check passed. Switching traffic.")
        first = await ann.outcome(begun)
        pages = [await ann.read(project), (await ann.visit(first["url"])).text]
        await ann.read(project, "/print/good-morning")
        seen += await watch.wait_until("good-morning")
    set_ = await ann.ask("PUT", f"{path}/env", {"variables": {"API_KEY": secret, "TZ": "UTC"}})
    await ann.ask("DELETE", "/env", {"project_id": project["id"], "key": "TZ"})
    env_before = await ann.read(project, "/env/API_KEY")
    changed = await ann.ask("GET", path)
    commit = edit(repository, "app.py", "v1", "v2")
    second = await ann.deploy(project)
    pages.append(await ann.read(project))
    env = [await ann.read(project, f"/env/{key}") for key in ("API_KEY", "TZ", "APP_COMMIT")]
    listed = await ann.ask("GET", f"/env?project_id={project['id']}")
    back = await ann.roll_back(first)
    pages.append(await ann.read(project))
    through_router = await ann.visit("http://api.localhost", "/api/v1/health")
    holding = await to_thread.run_sync(files_containing, shared_instance.directory, secret)

    assert ["v1", "v1", "v2", "v1"] == pages
    assert project["url"] != first["url"]
    assert seen == (await ann.log(first))[: len(seen)]
    assert list(range(1, len(seen) + 1)) == numbers(seen)
    assert any("Detected " in text for text in messages(seen))
    assert ("stdout", "run") == (seen[-1]["stream"], seen[-1]["phase"])
    assert ("(not set)", True) == (env_before, changed["env_changed"])
    assert [secret, "(not set)", commit] == env
    assert [("API_KEY", "********")] == [(v["key"], v["value"]) for v in listed["data"]]
    assert secret not in str(set_)
    assert [] == holding
    assert commit == second["commit_sha"]
    assert ("rollback", first["id"]) == (back["kind"], back["source_deployment_id"])
    assert (200, True) == (through_router.status_code, "status" in through_router.json())
