"""compose.yaml and Pushpaka's image, which run all of Pushpaka in containers on one machine."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeAlias

import pytest
from tests.packages.components import ROOT
from tests.packages.composed import SECRETS, ComposeProject, compose_up
from tests.wait_until import wait_until

Project: TypeAlias = dict[str, Any]

pytestmark = [pytest.mark.needs("docker"), pytest.mark.needs("compose"), pytest.mark.timeout(400)]

PAGE = "<!doctype html><h1>ComposeProject</h1>"
REACHING = """\
import os, socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Reaching(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = parse_qs(urlsplit(self.path).query)
        answer = "Here" if not asked else reached(asked["host"][0], int(asked["port"][0]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())


def reached(host, port):
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return "no"
    return "yes"


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Reaching).serve_forever()
"""


@pytest.fixture(scope="module")
def instance() -> Iterator[ComposeProject]:
    with compose_up() as instance:
        yield instance


@pytest.fixture(scope="module")
def page(instance: ComposeProject) -> Project:
    """Deploy a static site, and return the project."""
    project = instance.project("page", {"index.html": PAGE})
    deployment = instance.deploy(project)
    assert "running" == deployment["status"], deployment["error"]
    instance.platform = deployment["image"].partition("/")[0]
    return project


@pytest.fixture(scope="module")
def program(instance: ComposeProject, page: Project) -> Project:
    """Deploy a program that tries to connect to requested addresses, and return the project."""
    del page
    project = instance.project("program", {"main.py": REACHING, "requirements.txt": ""})
    deployment = instance.deploy(project)
    assert "running" == deployment["status"], deployment["error"]
    return project


@pytest.mark.parametrize("missing_secret", SECRETS)
def test_start_without_a_secret_is_refused(missing_secret: str, tmp_path: Path) -> None:
    """No secret has a default, and the error says where to set it."""
    shutil.copy(ROOT / "compose.yaml", tmp_path)
    given = {name: value for name, value in SECRETS.items() if name != missing_secret}
    text = "".join(f"{name}={value}\n" for name, value in given.items())
    (tmp_path / ".env").write_text(text)

    refused = subprocess.run(
        ["docker", "compose", "config"], check=False, capture_output=True, text=True, cwd=tmp_path
    )

    assert 0 != refused.returncode
    assert (
        f"{missing_secret} is missing a value: Set it in .env, as described in .env.example."
        in refused.stderr
    )


def test_documented_commands_create_all_secrets(tmp_path: Path) -> None:
    """The commands copy .env.example and fill it in. Only the owner can read the .env file."""
    for file in ("compose.yaml", ".env.example"):
        shutil.copy(ROOT / file, tmp_path)
    page = (ROOT / "docs/operate/containers.md").read_text()
    script, start = page.partition("```sh\n")[2].partition("```")[0].split("docker compose up")

    subprocess.run(["sh", "-euc", script], check=True, cwd=tmp_path)
    config = subprocess.run(
        ["docker", "compose", "config", "--quiet"], check=False, capture_output=True, cwd=tmp_path
    )

    assert 0 == config.returncode, config.stderr
    assert 0o600 == (tmp_path / ".env").stat().st_mode & 0o777
    assert " --detach --wait\n" == start


def test_applications_and_the_api_answer_through_traefik(
    instance: ComposeProject, page: Project, program: Project
) -> None:
    """A site, a program and the dashboard respond, and Redis and the router are healthy."""
    health = instance.ask("api", "/health").json()

    assert PAGE == instance.visit(page).text
    assert "Here" == instance.visit(program).text
    assert ("ok", True, True) == (
        health["status"],
        health["checks"]["redis"],
        health["checks"]["router"],
    )
    assert "Pushpaka" in instance.ask("api").text


@pytest.mark.parametrize(
    ("number", "port"),
    [(2, 5432), (3, 6379), (65, 22), (66, 8081), (66, 80)],
    ids=["PostgreSQL", "Redis", "the machine", "the router's inside", "the router"],
)
def test_application_cannot_connect_to_the_platform(
    instance: ComposeProject, program: Project, number: int, port: int
) -> None:
    """An application can connect only to its own project and to the Internet."""
    host = f"{instance.subnet}.{number}"

    assert "no" == instance.visit(program, f"/?host={host}&port={port}").text


def test_restart_of_workers_and_the_api_loses_no_request(
    instance: ComposeProject, page: Project
) -> None:
    """Applications and the router keep running meanwhile, and the new worker deploys."""
    answers: list[int] = []
    over = Event()

    def ask() -> None:
        while not over.is_set():
            answers.append(instance.visit(page).status_code)

    asking = Thread(target=ask)
    asking.start()
    instance.compose("restart", "worker", "api")
    instance.compose("up", "--detach", "--wait")
    over.set()
    asking.join()
    again = instance.deploy(page)

    assert {200} == set(answers)
    assert len(answers) > 20
    assert "running" == again["status"], again["error"]


def test_services_have_few_privileges(instance: ComposeProject) -> None:
    """Only the worker runs as root and can access the engine's socket."""
    nobody = "65534:65534"
    users = {
        "api": "pushpaka",
        "error-pages": "pushpaka",
        "worker": "0:0",
        "traefik": nobody,
        "redis": nobody,
    }

    described = {name: instance.container(name) for name in users}

    assert users == {name: found["Config"]["User"] for name, found in described.items()}
    for name, found in described.items():
        host, mounts = found["HostConfig"], [mount["Source"] for mount in found["Mounts"]]
        assert ["ALL"] == host["CapDrop"]
        assert not host["Privileged"]
        assert host["Memory"] > 0
        assert "unless-stopped" == host["RestartPolicy"]["Name"]
        assert {"max-file": "5", "max-size": "10m"} == host["LogConfig"]["Config"]
        assert (name != "worker") == host["ReadonlyRootfs"]
        assert (name == "worker") == any("docker.sock" in mount for mount in mounts)


def test_image_contains_no_secret(instance: ComposeProject) -> None:
    """In addition, the image runs as a separate user, stops on SIGTERM, and has a health check."""
    shown = json.loads(instance.docker("image", "inspect", instance.image("pushpaka")))[0]
    history = instance.docker("history", "--no-trunc", instance.image("pushpaka"))
    output = history + json.dumps(shown)

    assert [] == [name for name, value in SECRETS.items() if value in output or name in output]
    config = shown["Config"]
    assert ("pushpaka", "SIGTERM") == (config["User"], config["StopSignal"])
    assert {"/var/lib/pushpaka": {}} == config["Volumes"]
    assert "/health" in config["Healthcheck"]["Test"][-1]


def test_deleted_projects_and_services_leave_only_images(
    instance: ComposeProject, page: Project, program: Project
) -> None:
    """All containers, networks and volumes, and the images of the projects, are removed."""
    for project in (page, program):
        instance.api.delete(f"/projects/{project['id']}").raise_for_status()
    wait_until(lambda: not instance.remaining_resources(of_applications=True))
    instance.compose("down", "--volumes")

    left = [json.loads(line) for line in instance.remaining_resources()]
    assert {"pushpaka", "postgres", "redis", "traefik"} == {
        image["Repository"].rpartition("/")[2] for image in left
    }
