"""The services of compose.yaml with separate names, ports and addresses for a test."""

import json
import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from secrets import choice, token_bytes, token_hex
from tempfile import mkdtemp
from typing import Any

import httpx
from attrs import define, field
from tests.engine.base_images import ensure
from tests.packages import stand_ins
from tests.packages.components import ROOT
from tests.served_instance import PASSWORD, free_port

from pushpaka_core.images.dockerfiles import CADDY
from pushpaka_core.testing.repositories import Repository

SECRETS: Mapping[str, str] = {
    "PUSHPAKA_SECRET_KEY": token_hex(32),
    "PUSHPAKA_ENCRYPTION_KEYS": f"k1={b64encode(token_bytes(32)).decode()}",
    "PUSHPAKA_ROUTER_TOKEN": token_hex(32),
    "POSTGRES_PASSWORD": token_hex(32),
}
_REPOSITORIES = """\
services:
  api: &with
    environment: {PUSHPAKA_LOCAL_REPO_ROOT: /repositories}
    volumes: ["REPOSITORIES:/repositories:ro"]
  worker: *with
"""


SUBNETS = tuple(f"10.212.{number}" for number in range(1, 255))


def _output_of(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _free_subnet() -> str:
    """Return the first three octets of a subnet that no network of the engine uses."""
    networks = _output_of("docker", "network", "ls", "--quiet").split()
    taken = _output_of("docker", "network", "inspect", *networks)
    return choice([subnet for subnet in SUBNETS if f'"{subnet}.' not in taken])


@define(slots=False)
class ComposeProject:
    """A Docker Compose project in a directory with compose.yaml and .env."""

    directory: Path
    name: str = field(factory=lambda: f"pushpaka-test-{token_hex(3)}")
    http_port: int = field(factory=free_port)
    api_port: int = field(factory=free_port)
    subnet: str = field(factory=_free_subnet)
    """The first three octets of the addresses in the project's network."""
    platform: str = "not known yet"
    """A part of the names of deployed applications' resources. A test sets it."""

    def write(self) -> None:
        """Write the files that an operator needs, and an override that mounts repositories."""
        shutil.copy(ROOT / "compose.yaml", self.directory)
        repositories = _REPOSITORIES.replace("REPOSITORIES", str(self.directory / "repositories"))
        (self.directory / "compose.override.yaml").write_text(repositories)
        settings = {
            **SECRETS,
            "IMAGE": self.image("pushpaka"),
            **{f"{name.upper()}_IMAGE": self.image(name) for name in stand_ins.STAND_INS},
            "HTTP_PORT": str(self.http_port),
            "API_PORT": str(self.api_port),
            "SUBNET": self.subnet,
            "BRIDGE": f"pkt{self.name[-6:]}",
            "PUSHPAKA_DRAIN_TIMEOUT": "1",
            "DOCKER_ROOT": _output_of("docker", "info", "--format", "{{.DockerRootDir}}"),
        }
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        (self.directory / ".env").write_text(text)

    def image(self, name: str) -> str:
        return f"{self.name}/{name}:latest"

    def build_images(self) -> None:
        """Build Pushpaka's image from the checkout, and use `stand_ins` for the others."""
        for base in (stand_ins.PYTHON, CADDY):
            ensure(base)
        own = ["docker", "build", "--quiet", "--tag", self.image("pushpaka"), str(ROOT)]
        with ThreadPoolExecutor() as threads:
            building = threads.submit(_output_of, *own)
            tags = map(self.image, stand_ins.STAND_INS)
            list(threads.map(stand_ins.build, stand_ins.STAND_INS, tags))
        building.result()

    def compose(self, *arguments: str) -> str:
        """Run Docker Compose, require that it succeeds, and return its output."""
        command = ["docker", "compose", "--project-name", self.name, *arguments]
        env = {name: value for name, value in os.environ.items() if name not in SECRETS}
        ended = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=self.directory, env=env
        )
        assert 0 == ended.returncode, f"{ended.stderr}\n{self._logs(env)}"
        return ended.stdout

    def _logs(self, env: Mapping[str, str]) -> str:
        command = ["docker", "compose", "--project-name", self.name, "logs", "--tail=30"]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=self.directory, env=env
        ).stdout

    @cached_property
    def api(self) -> httpx.Client:
        """A client of the API with the first account, which is created on first access."""
        url = f"http://127.0.0.1:{self.api_port}/api/v1"
        client = httpx.Client(base_url=url, timeout=60, trust_env=False)
        person = {"email": "jane@example.com", "name": "Jane", "password": PASSWORD}
        token = client.post("/auth/register", json=person).raise_for_status().json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    def project(self, name: str, files: Mapping[str, str]) -> dict[str, Any]:
        """Create a project with a new repository that contains *files*."""
        Repository.create(self.directory / "repositories" / name).commit("Begin", files)
        body = {"name": name, "repo_url": f"/repositories/{name}"}
        project: dict[str, Any] = self.api.post("/projects", json=body).raise_for_status().json()
        return project

    def deploy(self, project: Mapping[str, Any]) -> dict[str, Any]:
        """Deploy a project, and return the finished deployment."""
        begun = self.api.post("/deployments", json={"project_id": project["id"]}).raise_for_status()
        path = f"/deployments/{begun.json()['id']}?wait=20"
        while True:
            found: dict[str, Any] = self.api.get(path).json()
            if found["status"] not in {"queued", "building", "deploying"}:
                return found

    def visit(self, project: Mapping[str, Any], path: str = "/") -> httpx.Response:
        """Request the application of *project* through Traefik."""
        return self.ask(project["slug"], path)

    def ask(self, slug: str, path: str = "/") -> httpx.Response:
        """Request the host name of *slug* below the base domain through Traefik."""
        headers = {"Host": f"{slug}.localhost:{self.http_port}"}
        url = f"http://127.0.0.1:{self.http_port}{path}"
        return httpx.get(url, headers=headers, timeout=20, trust_env=False)

    def container(self, service: str) -> dict[str, Any]:
        """Return Docker's description of the first container of a service."""
        (found, *_) = self.compose("ps", "--quiet", service).split()
        described: dict[str, Any] = json.loads(_output_of("docker", "inspect", found))[0]
        return described

    def docker(self, *arguments: str) -> str:
        return _output_of("docker", *arguments)

    def remaining_resources(self, *, of_applications: bool = False) -> list[str]:
        """
        Return remaining containers, networks, volumes and images, as JSON.

        They belong to deployed applications or, unless *of_applications*, to the Compose project.
        """
        kinds = ("container ls --all", "network ls", "volume ls", "image ls")
        shown = [self.docker(*kind.split(), "--format", "{{json .}}") for kind in kinds]
        marks = (self.platform,) if of_applications else (self.platform, self.name)
        lines = "\n".join(shown).splitlines()
        return [line for line in lines if any(mark in line for mark in marks)]


@contextmanager
def compose_up() -> Iterator[ComposeProject]:
    """Start all services of compose.yaml, and remove them after the block."""
    directory = Path(mkdtemp(prefix="pushpaka-compose-"))
    made = ComposeProject(directory)
    (directory / "repositories").mkdir()
    directory.chmod(0o755)
    made.write()
    try:
        made.build_images()
        made.compose("up", "--detach", "--wait")
        yield made
        made.api.close()
    finally:
        made.compose("down", "--volumes", "--timeout=10")
        images = [made.image(name) for name in ("pushpaka", *stand_ins.STAND_INS)]
        subprocess.run(
            ["docker", "image", "rm", "--force", *images], check=False, capture_output=True
        )
        shutil.rmtree(directory)
