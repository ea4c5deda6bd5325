"""The example jobs that deploy from CI, run against a real instance as a CI runner does."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import yaml
from anyio import to_thread
from attrs import frozen
from tests.packages.components import ROOT
from tests.packages.conftest import Distributions
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.timeout(300)

CI = ROOT / "packaging" / "ci"
GITHUB, GITLAB = CI / "pushpaka-deploy.yml", CI / "pushpaka-deploy.gitlab-ci.yml"
SCHEMAS: Mapping[Path, str] = {
    GITHUB: "vendor.github-workflows",
    GITLAB: "vendor.gitlab-ci",
    ROOT / "compose.yaml": "vendor.compose-spec",
    **dict.fromkeys(ROOT.glob(".github/ISSUE_TEMPLATE/[!c]*"), "vendor.github-issue-forms"),
    ROOT / ".github/ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
}
GOOD = {"pushpaka.toml": "", "index.html": "Hello."}
FAILING = {"pushpaka.toml": '[commands]\nbuild = "exit 3"\n', "index.html": "Broken."}


def _github_scripts() -> list[str]:
    steps: list[dict[str, Any]] = yaml.safe_load(GITHUB.read_text())["jobs"]["deploy"]["steps"]
    return [step["run"] for step in steps]


def _gitlab_scripts() -> list[str]:
    job = yaml.safe_load(GITLAB.read_text())[".pushpaka-deploy"]
    return ["\n".join(job["before_script"]), "\n".join(job["script"])]


@frozen(kw_only=True)
class Job:
    """A CI job, which runs scripts in its environment and directory."""

    env: Mapping[str, str]
    directory: Path

    def run(
        self, script: str, *, interpreter: str = "bash", **env: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [interpreter, "-ec", script],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.directory,
            env={**self.env, **env},
            timeout=120,
        )


@pytest.fixture(scope="module")
async def served_instance() -> AsyncIterator[ServedInstance]:
    async with open_served(PUSHPAKA_ROUTER="none") as served:
        yield await served.start()


@pytest.fixture(scope="module")
async def repository(served_instance: ServedInstance) -> Repository:
    return await to_thread.run_sync(Repository.create, served_instance.repositories / "page")


@pytest.fixture(scope="module")
async def job(
    served_instance: ServedInstance,
    repository: Repository,
    tmp_path_factory: pytest.TempPathFactory,
) -> Job:
    """Return a job for a project, with a token whose scope is limited to deployments."""
    await to_thread.run_sync(repository.commit, "Begin", {"index.html": "Hello."})
    async with served_instance.api(await served_instance.sign_up()) as api:
        body = {"name": "Page", "repo_url": str(repository.path)}
        project = (await api.post("/projects", json=body)).json()
        token = (await api.post("/tokens", json={"name": "CI", "scope": "deploy"})).json()["token"]
    directory = tmp_path_factory.mktemp("job")
    return Job(
        directory=directory,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(directory),
            "PUSHPAKA_CLIENT_URL": f"http://127.0.0.1:{served_instance.port}",
            "PUSHPAKA_CLIENT_TOKEN": token,
            "PROJECT": project["id"],
            "BRANCH": "main",
        },
    )


@pytest.mark.parametrize("file", SCHEMAS, ids=lambda file: str(file.relative_to(ROOT)))
def test_file_matches_its_published_schema(file: Path) -> None:
    """The example files are valid according to the schemas of GitHub, GitLab and Docker Compose."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[file]]
    checked = subprocess.run([*command, file], check=False, capture_output=True, text=True)

    assert 0 == checked.returncode, checked.stdout


def test_workflow_is_safe() -> None:
    """Zizmor finds no injection and no excessive permission."""
    program = shutil.which("zizmor", path=str(Path(sys.prefix) / "bin"))
    assert program is not None
    command = [program, "--offline", "--no-progress", "--persona=pedantic", str(GITHUB)]
    audited = subprocess.run(command, check=False, capture_output=True, text=True)

    assert 0 == audited.returncode, audited.stdout + audited.stderr


def test_github_and_gitlab_run_the_same_script() -> None:
    """If the scripts are the same, the tests of one script apply to both."""
    github, gitlab = (
        steps[-1].splitlines()[1:] for steps in (_github_scripts(), _gitlab_scripts())
    )

    assert github == gitlab


@pytest.mark.anyio
async def test_job_with_curl_succeeds_only_if_the_commit_runs(
    job: Job, repository: Repository
) -> None:
    """The job fails if the build fails, the token is rejected or the commit is invalid."""
    good = await to_thread.run_sync(repository.commit, "Good", GOOD)
    bad = await to_thread.run_sync(repository.commit, "Bad", FAILING)
    run = partial(job.run, _gitlab_scripts()[-1], interpreter="sh")

    runs = await to_thread.run_sync(partial(run, COMMIT=good))
    breaks = await to_thread.run_sync(partial(run, COMMIT=bad))
    refused = await to_thread.run_sync(partial(run, COMMIT=good, PUSHPAKA_CLIENT_TOKEN="ppk_no"))
    mistaken = await to_thread.run_sync(partial(run, COMMIT='"}'))

    assert (0, True) == (runs.returncode, "Live at http" in runs.stdout), runs.stderr
    assert (1, True) == (breaks.returncode, "failed: " in breaks.stdout), breaks.stdout
    was_refused = "The request was refused: " in refused.stdout
    assert (1, True) == (refused.returncode, was_refused), refused.stdout
    assert 2 == mistaken.returncode


@contextmanager
def impatient_gateway(target_url: str) -> Iterator[str]:
    """Yield the URL of a gateway that forwards requests, but answers the first POST with 504."""
    given_up: list[bool] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._forward()

        def do_POST(self) -> None:
            self._forward()

        def log_message(self, *_: object) -> None:
            pass

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            address, headers = f"{target_url}{self.path}", [*self.headers.items()]
            answer = httpx.request(self.command, address, content=body, headers=headers, timeout=60)
            gives_up = self.command == "POST" and not given_up
            given_up.extend([True] * gives_up)
            content = b"" if gives_up else answer.content
            self.send_response(HTTPStatus.GATEWAY_TIMEOUT if gives_up else answer.status_code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
    assert given_up


@pytest.mark.anyio
async def test_repeated_request_of_curl_creates_one_deployment(
    job: Job, repository: Repository
) -> None:
    """After a 504, the job repeats its request, because the first one may have failed."""
    commit = await to_thread.run_sync(repository.commit, "Once", {**GOOD, "who": "once"})
    url, token = job.env["PUSHPAKA_CLIENT_URL"], job.env["PUSHPAKA_CLIENT_TOKEN"]

    with impatient_gateway(url) as gateway:
        ended = await to_thread.run_sync(
            partial(job.run, _github_scripts()[-1], COMMIT=commit, PUSHPAKA_CLIENT_URL=gateway)
        )

    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as api:
        made = (await api.get(f"{url}/api/v1/deployments")).json()["data"]
    assert 0 == ended.returncode, ended.stderr
    assert [commit] == [each["commit_sha"] for each in made if each["commit_sha"] == commit]


@pytest.mark.anyio
async def test_job_with_the_command_line_succeeds_only_if_the_commit_runs(
    job: Job, repository: Repository, distributions: Distributions
) -> None:
    """The first step installs the CLI, from the wheel under test. The next step deploys."""
    good = await to_thread.run_sync(repository.commit, "Good", {**GOOD, "who": "pushpaka"})
    bad = await to_thread.run_sync(repository.commit, "Bad", FAILING)
    install, deploy = _github_scripts()
    paths = job.directory / "paths"
    of_pip = {name: text for name, text in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    python = Path(sys.base_prefix) / "bin"

    installed = await to_thread.run_sync(
        partial(
            job.run,
            install,
            PACKAGE=f"pushpaka[cli] @ file://{distributions.wheel}",
            RUNNER_TEMP=str(job.directory),
            GITHUB_PATH=str(paths),
            PIP_CACHE_DIR=str(Path(os.environ["HOME"]) / ".cache" / "pip"),
            PATH=f"{python}:{job.env['PATH']}",
            **of_pip,
        )
    )
    assert 0 == installed.returncode, installed.stderr
    path = f"{(await to_thread.run_sync(paths.read_text)).strip()}:{job.env['PATH']}"
    run = partial(job.run, deploy, PATH=path)
    runs = await to_thread.run_sync(partial(run, COMMIT=good))
    breaks = await to_thread.run_sync(partial(run, COMMIT=bad))

    assert (0, True) == (runs.returncode, "http" in runs.stdout), runs.stderr
    assert 1 == breaks.returncode, breaks.stdout
    assert "exit 3" in breaks.stderr
