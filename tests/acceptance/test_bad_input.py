"""What people get wrong is told in a sentence, and never takes down what they had."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from tests.acceptance.apps import program, repository_of, server
from tests.acceptance.people import Json, Person
from tests.acceptance.variants import BEFORE_BUILDS, ON_ONE_MACHINE
from tests.served import Served

from pushpaka_core.testing.forges import Forge, open_forge
from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@frozen(kw_only=True)
class Mistake:
    """A change after which a deployment fails, and what has to be said about it."""

    settings: Mapping[str, Any] = field(factory=dict)
    files: Mapping[str, str] = field(factory=dict)
    wanted: Mapping[str, str] = field(factory=dict)
    told: tuple[str, ...]
    """What happened, what to do, and the last lines of output where there are any."""
    afar: tuple[str, ...] = ()
    """What is said instead where nobody can look into the machine that has run it."""


OF_THE_SOURCE = {
    "no such branch": Mistake(
        settings={"branch": "trunk"},
        told=("The branch trunk does not exist.", "There are: main."),
    ),
    "no such commit": Mistake(
        wanted={"commit_sha": "0123abcd"},
        told=("The commit 0123abcd was not found on the branch main.", "Check that"),
    ),
    "nothing to detect": Mistake(
        settings={"root_dir": "docs"},
        files={"docs/notes.txt": "Buy milk\n"},
        told=("Nothing that can be deployed was recognised.", "Add a Procfile with a line `web:"),
    ),
}
OF_THE_BUILD = {
    "a build that fails": Mistake(
        settings={"build_command": "echo the roof is missing; exit 4"},
        told=("exited with code 4", "mend the repository or the command", "\nthe roof is missing"),
    ),
    "a build for which nothing is installed": Mistake(
        settings={"install_command": "uv pip install -r nowhere.txt"},
        told=("`uv pip install -r nowhere.txt` exited with code 2", "\nerror: File not found"),
    ),
}
OF_THE_APPLICATION = {
    "an application that exits at once": Mistake(
        files=program("print('cannot find the moon')\nraise SystemExit(3)\n"),
        told=("The web process exited with code 3.", "\ncannot find the moon"),
    ),
    "an application with an error": Mistake(
        files=program("import nowhere\n"),
        told=("The web process exited with code 1", "\nModuleNotFoundError: No module named"),
    ),
    "an application that is killed": Mistake(
        files=program("import os\nos.kill(os.getpid(), 9)\n"),
        told=("The web process was ended by signal SIGKILL",),
    ),
    "an application that never listens": Mistake(
        settings={"health_check_timeout": 2},
        files=program("import time\nprint('thinking', flush=True)\ntime.sleep(60)\n"),
        told=("not healthy within 2 s", "It has to listen on the port that PORT", "\nthinking"),
    ),
    "an application that listens elsewhere": Mistake(
        settings={"health_check_timeout": 2},
        files=program("import http.server as h\nh.test(h.SimpleHTTPRequestHandler, port=0)\n"),
        told=("not healthy within 2 s", "It listens on ", "has to on the port that PORT names"),
        afar=("not healthy within 2 s", "It has to listen on the port that PORT names"),
    ),
    "an application that listens on another address": Mistake(
        settings={"health_check_timeout": 2},
        files=program(
            "import os\nimport http.server as h\nport = int(os.environ['PORT'])\n"
            "h.HTTPServer(('127.0.0.2', port), h.SimpleHTTPRequestHandler).serve_forever()\n"
        ),
        told=("not healthy within 2 s", " 127.0.0.", "HOST "),
        afar=("not healthy within 2 s", "It has to listen on the port that PORT names"),
    ),
    "an application that is never well": Mistake(
        settings={"health_check_timeout": 5, "health_check_path": "/nowhere"},
        files=program(
            "import os\nimport http.server as h\n"
            "h.test(h.SimpleHTTPRequestHandler, port=int(os.environ['PORT']))\n"
        ),
        told=("not healthy within 5 s", "404"),
    ),
}


@pytest.fixture
def repository(repositories: Path) -> Repository:
    return repository_of(repositories / "shop", server("v1"))


@pytest.fixture
async def project(ann: Person, repository: Repository) -> Json:
    """Return a project that serves its first version."""
    project = await ann.project(repository.path)
    await ann.deploy(project)
    return project


@pytest.fixture
def forge(repositories: Path) -> Iterator[Forge]:
    with open_forge(repositories) as opened:
        yield opened


async def see_it_explained(
    ann: Person, served: Served, repository: Repository, project: Json, mistake: Mistake
) -> None:
    """The deployment fails with a sentence that tells what to do; the one before is untouched."""
    await ann.ask("PATCH", f"/projects/{project['id']}", mistake.settings)
    repository.commit("A mistake", mistake.files)

    failed = await ann.outcome(await ann.begin(project, **mistake.wanted))

    told = (served.runs_on_a_swarm and mistake.afar) or mistake.told
    assert "failed" == failed["status"]
    assert [] == [words for words in told if words not in failed["error"]], failed["error"]
    assert "v1" == await ann.read(project)
    assert "active" == (await ann.ask("GET", f"/projects/{project['id']}"))["status"]


@BEFORE_BUILDS
@pytest.mark.parametrize("mistake", OF_THE_SOURCE.values(), ids=OF_THE_SOURCE)
async def test_mistake_in_a_source_is_explained_and_the_old_version_serves_on(
    ann: Person, shared: Served, repository: Repository, project: Json, mistake: Mistake
) -> None:
    """What cannot be had or understood fails with advice, before anything is built."""
    await see_it_explained(ann, shared, repository, project, mistake)


@ON_ONE_MACHINE
@pytest.mark.parametrize("mistake", OF_THE_BUILD.values(), ids=OF_THE_BUILD)
async def test_mistake_in_a_build_is_explained_and_the_old_version_serves_on(
    ann: Person, shared: Served, repository: Repository, project: Json, mistake: Mistake
) -> None:
    """A build fails with its last lines, and nothing of it is ever started."""
    await see_it_explained(ann, shared, repository, project, mistake)


@pytest.mark.parametrize("mistake", OF_THE_APPLICATION.values(), ids=OF_THE_APPLICATION)
async def test_mistake_in_an_application_is_explained_and_the_old_version_serves_on(
    ann: Person, shared: Served, repository: Repository, project: Json, mistake: Mistake
) -> None:
    """What does not come up fails with what it said, and never gets a request."""
    await see_it_explained(ann, shared, repository, project, mistake)


@BEFORE_BUILDS
async def test_error_is_in_the_log_as_well(ann: Person, project: Json) -> None:
    """Who reads the log to its end finds out why the deployment failed."""
    failed = await ann.outcome(await ann.begin(project, branch="trunk"))

    last = (await ann.log(failed))[-1]

    assert (failed["error"], "error") == (last["message"], last["level"])


@BEFORE_BUILDS
async def test_missing_repository_is_explained(
    ann: Person, repository: Repository, project: Json
) -> None:
    """A repository that has gone away fails the deployment, not what it built before."""
    repository.path.rename(repository.path.with_name("moved"))

    failed = await ann.outcome(await ann.begin(project))

    assert "failed" == failed["status"]
    assert "There is no repository at this address. Check the repository URL." in failed["error"]
    assert "v1" == await ann.read(project)


@BEFORE_BUILDS
async def test_refused_token_is_explained(ann: Person, project: Json, forge: Forge) -> None:
    """A server that does not take the token fails the deployment with advice."""
    forge.wants_token = True
    changes = {"repo_url": forge.url, "git_token": "not-the-right-one"}
    await ann.ask("PATCH", f"/projects/{project['id']}", changes)

    failed = await ann.outcome(await ann.begin(project))

    assert "failed" == failed["status"]
    assert "refuses the git token" in failed["error"]
    assert "Set a new git_token." in failed["error"]
    assert "v1" == await ann.read(project)


@BEFORE_BUILDS
async def test_private_repository_without_a_token_is_explained(
    ann: Person, project: Json, forge: Forge
) -> None:
    """Without a token a private repository looks like none, and the sentence says both."""
    forge.wants_token = True
    await ann.ask("PATCH", f"/projects/{project['id']}", {"repo_url": forge.url})

    failed = await ann.outcome(await ann.begin(project))

    assert "There is no such repository, or it is private." in failed["error"]
    assert "v1" == await ann.read(project)


@BEFORE_BUILDS
async def test_first_deployment_that_fails_leaves_no_address(
    ann: Person, repositories: Path
) -> None:
    """A project of which nothing ever ran has failed, and nothing answers for it."""
    repository = repository_of(repositories / "notes", {"notes.txt": "Buy milk\n"})
    project = await ann.project(repository.path, "notes")

    failed = await ann.outcome(await ann.begin(project))

    assert "Nothing that can be deployed was recognised." in failed["error"]
    assert "failed" == (await ann.ask("GET", f"/projects/{project['id']}"))["status"]
    assert 404 == (await ann.visit(project["url"])).status_code
