"""The image and compose.yaml: all of it in containers, on one machine."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeAlias

import pytest
from tests.packages.composed import SECRETS, Composed, composed, wait_until
from tests.packages.places import ROOT

Project: TypeAlias = dict[str, Any]

pytestmark = [pytest.mark.needs("docker"), pytest.mark.needs("compose"), pytest.mark.timeout(400)]

PAGE = "<!doctype html><h1>Composed</h1>"
REACHING = """\
import os, socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Reaching(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = parse_qs(urlsplit(self.path).query)
        told = "Here" if not asked else reached(asked["host"][0], int(asked["port"][0]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(told.encode())


def reached(host, port):
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return "no"
    return "yes"


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Reaching).serve_forever()
"""


@pytest.fixture(scope="module")
def instance() -> Iterator[Composed]:
    with composed() as instance:
        yield instance


@pytest.fixture(scope="module")
def page(instance: Composed) -> Project:
    """Deploy a site."""
    project = instance.project("page", {"index.html": PAGE})
    deployment = instance.deploy(project)
    assert "running" == deployment["status"], deployment["error"]
    instance.platform = deployment["image"].partition("/")[0]
    return project


@pytest.fixture(scope="module")
def program(instance: Composed, page: Project) -> Project:
    """Deploy a program in Python."""
    del page
    project = instance.project("program", {"main.py": REACHING, "requirements.txt": ""})
    deployment = instance.deploy(project)
    assert "running" == deployment["status"], deployment["error"]
    return project


@pytest.mark.parametrize("missing", SECRETS)
def test_it_does_not_start_without_secrets_of_its_own(missing: str, tmp_path: Path) -> None:
    """There is none by default; what to do is said."""
    shutil.copy(ROOT / "compose.yaml", tmp_path)
    given = {name: value for name, value in SECRETS.items() if name != missing}
    text = "".join(f"{name}={value}\n" for name, value in given.items())
    (tmp_path / ".env").write_text(text)

    refused = subprocess.run(
        ["docker", "compose", "config"], check=False, capture_output=True, text=True, cwd=tmp_path
    )

    assert 0 != refused.returncode
    assert f"{missing} is missing a value: Set it in .env, as .env.example says." in refused.stderr


def test_the_page_says_how_the_secrets_are_made(tmp_path: Path) -> None:
    """Its commands make them, for nobody else to read, and with them it would start."""
    for file in ("compose.yaml", ".env.example"):
        shutil.copy(ROOT / file, tmp_path)
    page = (ROOT / "docs" / "containers.md").read_text()
    script, start = page.partition("```sh\n")[2].partition("```")[0].split("docker compose up")

    subprocess.run(["sh", "-euc", script], check=True, cwd=tmp_path)
    config = subprocess.run(
        ["docker", "compose", "config", "--quiet"], check=False, capture_output=True, cwd=tmp_path
    )

    assert 0 == config.returncode, config.stderr
    assert 0o600 == (tmp_path / ".env").stat().st_mode & 0o777
    assert " --detach --wait\n" == start


def test_the_example_names_every_secret_and_has_none() -> None:
    """Whoever copies it as it is, is refused."""
    lines = (ROOT / ".env.example").read_text().splitlines()

    assert {f"{name}=" for name in SECRETS} == {line for line in lines if line.endswith("=")}


def test_a_site_and_a_program_are_deployed_and_reached_through_traefik(
    instance: Composed, page: Project, program: Project
) -> None:
    """By the API in one container, a worker in another, PostgreSQL and Redis in others."""
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
def test_an_application_reaches_nothing_of_the_platform(
    instance: Composed, program: Project, number: int, port: int
) -> None:
    """Its network leads to its project's containers and out into the world alone."""
    host = f"{instance.subnet}.{number}"

    assert "no" == instance.visit(program, f"/?host={host}&port={port}").text


def test_nobody_asks_in_vain_while_workers_and_the_api_start_again(
    instance: Composed, page: Project
) -> None:
    """Applications and the router go on; what is asked for afterwards is deployed by new ones."""
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


def test_who_answers_strangers_has_no_rights(instance: Composed) -> None:
    """The API and the router are nobody in particular; the engine's socket is the worker's."""
    nobody = "65534:65534"
    users = {"api": "pushpaka", "worker": "0:0", "traefik": nobody, "redis": nobody}

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


def test_no_secret_is_in_the_image(instance: Composed) -> None:
    """Nor a program to install others; it runs as a user, ends by SIGTERM, and tells its health."""
    shown = json.loads(instance.docker("image", "inspect", instance.image("pushpaka")))[0]
    history = instance.docker("history", "--no-trunc", instance.image("pushpaka"))
    told = history + json.dumps(shown)

    assert [] == [name for name, value in SECRETS.items() if value in told or name in told]
    config = shown["Config"]
    assert ("pushpaka", "SIGTERM") == (config["User"], config["StopSignal"])
    assert {"/var/lib/pushpaka": {}} == config["Volumes"]
    assert "/health" in config["Healthcheck"]["Test"][-1]


def test_nothing_is_left_of_it(instance: Composed, page: Project, program: Project) -> None:
    """Projects that are deleted take their containers, networks and images with them."""
    for project in (page, program):
        instance.api.delete(f"/projects/{project['id']}").raise_for_status()
    wait_until(lambda: not instance.left(of_applications=True))
    instance.compose("down", "--volumes")

    left = [json.loads(line) for line in instance.left()]
    assert {"pushpaka", "postgres", "redis", "traefik"} == {
        image["Repository"].rpartition("/")[2] for image in left
    }
