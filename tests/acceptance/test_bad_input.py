"""Deployments with a mistake fail with a helpful error, and the previous release stays active."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from tests.acceptance.tools.apps import program, repository_of, server
from tests.acceptance.tools.people import Json, Person
from tests.acceptance.tools.variants import ON_EMBEDDED, on
from tests.served_instance import ServedInstance
from tests.swarm.opened import SWARM

from pushpaka_core.testing.git_server import GitServer, open_git_server
from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@frozen(kw_only=True)
class Mistake:
    """A change that makes the deployment fail, and parts of the expected error."""

    settings: Mapping[str, Any] = field(factory=dict)
    """
    Settings of the project. `repo_url` may contain {path} or {server} for the repository's address.
    """
    files: Mapping[str, str] = field(factory=dict)
    requested: Mapping[str, str] = field(factory=dict)
    """Fields of the deployment request."""
    messages: tuple[str, ...]
    """
    Parts of the error: the cause, the remedy, and the last lines of the output if there is output.
    """


OF_THE_SOURCE = {
    "no such branch": Mistake(
        settings={"branch": "trunk"},
        messages=("The branch trunk does not exist.", "Existing branches: main."),
    ),
    "no such commit": Mistake(
        requested={"commit_sha": "0123abcd"},
        messages=("The commit 0123abcd was not found on the branch main.", "Check that"),
    ),
    "no such repository": Mistake(
        settings={"repo_url": "{path}-moved"},
        messages=("There is no repository at this address. Check the repository URL.",),
    ),
    "a wrong token": Mistake(
        settings={"repo_url": "{server}", "git_token": "not-the-right-one"},
        messages=("rejected the Git token", "Set a new git_token."),
    ),
    "a private repository without a token": Mistake(
        settings={"repo_url": "{server}"},
        messages=("The repository does not exist or is private.",),
    ),
    "nothing to detect": Mistake(
        settings={"root_dir": "docs"},
        files={"docs/notes.txt": "Buy milk\n"},
        messages=(
            "Could not detect how to run this repository.",
            "Add a Procfile with a line `web:",
        ),
    ),
}
OF_THE_BUILD = {
    "a build that fails": Mistake(
        settings={"build_command": "echo the roof is missing; exit 4"},
        messages=(
            "exited with code 4",
            "fix the command or the repository",
            "\nthe roof is missing",
        ),
    ),
    "an installation that fails": Mistake(
        settings={"install_command": "uv pip install -r nowhere.txt"},
        messages=("`uv pip install -r nowhere.txt` exited with code 2", "\nerror: File not found"),
    ),
}
_ELSEWHERE = "import http.server as h\nh.test(h.SimpleHTTPRequestHandler, port=0)\n"
OF_THE_APPLICATION = {
    "an application that exits at once": Mistake(
        files=program("print('cannot find the moon')\nraise SystemExit(3)\n"),
        messages=("The web process exited with code 3.", "\ncannot find the moon"),
    ),
    "an application that is killed": Mistake(
        files=program("import os\nos.kill(os.getpid(), 9)\n"),
        messages=("The web process was terminated by signal SIGKILL",),
    ),
    "an application that listens elsewhere": Mistake(
        settings={"health_check_timeout": 2},
        files=program(_ELSEWHERE),
        messages=("not healthy within 2 s", "It must listen on $PORT ("),
    ),
}
"""
Mistakes that are tested on a Swarm, because users cannot inspect its nodes. `tests/misbehaving`
tests the other runtimes.
"""


@frozen(kw_only=True)
class Shop:
    """A project whose first version is deployed."""

    owner: Person
    repository: Repository
    project: Json
    git_server: GitServer
    """A server that serves the repository over HTTP, and requires a token."""


@pytest.fixture(scope="module")
async def shop(shared_instance: ServedInstance) -> AsyncIterator[Shop]:
    directory = shared_instance.new_directory()
    repository = repository_of(directory / "shop", server("v1"))
    with open_git_server(directory) as git_server:
        git_server.requires_token = True
        async with Person.temporary(shared_instance) as owner:
            project = await owner.project(repository.path)
            await owner.deploy(project)
            yield Shop(owner=owner, repository=repository, project=project, git_server=git_server)


@ON_EMBEDDED
@pytest.mark.parametrize("mistake", OF_THE_SOURCE.values(), ids=OF_THE_SOURCE)
async def test_mistake_in_a_source_is_explained_and_the_old_version_stays_active(
    shop: Shop, mistake: Mistake
) -> None:
    """If the repository or its settings are wrong, the deployment fails before the build begins."""
    await _assert_explained(shop, mistake)


@pytest.mark.parametrize("mistake", OF_THE_BUILD.values(), ids=OF_THE_BUILD)
async def test_mistake_in_a_build_is_explained_and_the_old_version_stays_active(
    shop: Shop, mistake: Mistake
) -> None:
    """The error contains the last lines of the build's output."""
    await _assert_explained(shop, mistake)


@on(SWARM)
@pytest.mark.parametrize("mistake", OF_THE_APPLICATION.values(), ids=OF_THE_APPLICATION)
async def test_mistake_in_an_application_is_explained_and_the_old_version_stays_active(
    shop: Shop, mistake: Mistake
) -> None:
    """The error contains the application's last output. No request reaches the new version."""
    await _assert_explained(shop, mistake)


@ON_EMBEDDED
async def test_address_of_a_failed_first_deployment_is_not_found(
    ann: Person, repositories: Path
) -> None:
    """
    A project whose first deployment fails has the status "failed", and its address responds with
    404 and an error page.
    """
    repository = repository_of(repositories / "notes", {"notes.txt": "Buy milk\n"})
    project = await ann.project(repository.path, "notes")

    failed = await ann.outcome(await ann.begin(project))

    assert "Could not detect how to run this repository." in failed["error"]
    assert "failed" == (await ann.ask("GET", f"/projects/{project['id']}"))["status"]
    answer = await ann.visit(project["url"])
    assert 404 == answer.status_code
    assert "There is no application at this address" in answer.text


async def _assert_explained(shop: Shop, mistake: Mistake) -> None:
    ann, path = shop.owner, f"/projects/{shop.project['id']}"
    addresses = {"path": shop.repository.path, "server": shop.git_server.url}
    settings = {
        name: value.format_map(addresses) if name == "repo_url" else value
        for name, value in mistake.settings.items()
    }
    await ann.ask("PATCH", path, settings)
    shop.repository.replace("A mistake", {**server("v1"), **mistake.files})

    failed = await ann.outcome(await ann.begin(shop.project, **mistake.requested))
    last = (await ann.log(failed))[-1]
    project = await ann.ask("GET", path)
    await ann.ask("PATCH", path, {name: shop.project.get(name) for name in settings})

    assert "failed" == failed["status"]
    assert [] == [text for text in mistake.messages if text not in failed["error"]], failed["error"]
    assert failed["error"].startswith(last["message"])
    assert "error" == last["level"]
    assert "v1" == await ann.read(shop.project)
    assert "active" == project["status"]
