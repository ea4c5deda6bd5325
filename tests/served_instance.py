"""Runs `pushpaka serve` in a real process for tests, with clients for its API."""

import json
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import cycle
from pathlib import Path
from secrets import randbelow, token_hex
from signal import SIGTERM, Signals
from tempfile import mkdtemp
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

import anyio
import httpx
from anyio import CancelScope, to_thread
from anyio.abc import Process
from attrs import define, evolve, field, frozen
from tests.engine.engines import URL, remove_all

from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.adapters.files.instance_ids import read_instance_id
from pushpaka_core.adapters.files.stored_runtime import read_stored_runtime
from pushpaka_core.maintenance.instance import stop_everything
from pushpaka_core.settings.settings import Settings

PROGRAM = (sys.executable, "-m", "pushpaka_http.cli")
WORKER = (*PROGRAM, "worker")
_API_PACKAGES = ("click", "litestar", "pushpaka_http", "prometheus_client", "rich", "uvicorn")
_WITHOUT_API_PACKAGES = f"import sys; sys.modules.update(dict.fromkeys({_API_PACKAGES}))"
LEAN_WORKER = (sys.executable, "-c", f"{_WITHOUT_API_PACKAGES}; import pushpaka_worker.__main__")
"""The command of a worker that cannot import packages that only the API needs."""
PASSWORD = f"correct horse {token_hex(8)}"
"""
The password of all users. It is random, because a test searches for it in the command lines of all
processes.
"""
STARTUP_SECONDS = 120
"""Seconds after which a start counts as hung, even on a busy machine."""
ENGINES = "PUSHPAKA_TEST_ENGINES"
"""The variable with the URLs of a Swarm's engines. It is for tests, not a setting of Pushpaka."""
UNSET = ""
"""The value in `env` for a setting to leave unset, so that its default applies."""


_PORTS_PER_INSTANCE = 100
_INSTANCE_PORTS = range(20_000, 29_900, _PORTS_PER_INSTANCE)


def _port_ranges() -> Iterator[str]:
    """Yield ranges of ports for applications that no other process of this test run uses."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = _INSTANCE_PORTS[worker :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    start = randbelow(len(own))  # Another test run on this host may use the same ranges.
    for first in cycle([*own[start:], *own[:start]]):
        yield f"{first}-{first + _PORTS_PER_INSTANCE - 1}"


_next_port_range = partial(next, _port_ranges())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def responds(client: httpx.AsyncClient, url: str) -> bool:
    """Return True if a GET of *url* succeeds."""
    try:
        return (await client.get(url)).is_success
    except httpx.TransportError:
        return False


@frozen(kw_only=True)
class CommandResult:
    """The exit code and the output of a command."""

    code: int
    output: str
    errors: str


@define(kw_only=True)
class ServedInstance:
    """
    An instance of Pushpaka with its own ports and data directory.

    Tests start and stop it as an operator would. `open_served` cleans up.
    """

    directory: Path
    """The directory of all files. All users can traverse it, as each project has its own user."""
    port: int = field(factory=free_port)
    router_port: int = field(factory=free_port)
    instance_ports: str = field(factory=_next_port_range)
    env: dict[str, str] = field(factory=dict)
    """Settings that replace those in `environment`."""
    data_name: str = "data"
    """The name of the data directory."""
    deploys: bool = True
    """Whether serve runs a worker."""
    program: Sequence[str] = PROGRAM
    """The command that runs `pushpaka`."""
    other_ports: list[int] = field(factory=list, init=False)
    """The ports of additional API processes of the same instance."""
    _process: Process | None = field(default=None, init=False)

    @property
    def data_directory(self) -> Path:
        return self.directory / self.data_name

    @property
    def runs_on_a_swarm(self) -> bool:
        return self._runtime == "swarm"

    @property
    def engines(self) -> Sequence[str]:
        """The URLs of the engines that run the containers of the instance."""
        match self._runtime:
            case "swarm":
                return self.env[ENGINES].split(",")
            case "docker":
                return [self._engine]
        return []

    @property
    def repositories(self) -> Path:
        """The directory of repositories that the instance may deploy from."""
        return self.directory / "repositories"

    def new_directory(self) -> Path:
        """Create a directory for the repositories of one test."""
        directory = self.repositories / uuid4().hex
        directory.mkdir()
        return directory

    @property
    def log(self) -> str:
        """The output of serve, over all its starts."""
        return self._log_file.read_text()

    @property
    def workers_log(self) -> str:
        """The output of all separate workers."""
        log = self.directory / "workers.log"
        return log.read_text() if log.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> Self:
        """Start serve, and return when it responds."""
        await self.begin()
        # Use one client for all tries, because each new client reads the certificates of the host.
        async with self.api() as api:
            with anyio.fail_after(STARTUP_SECONDS):
                while not await responds(api, "/health"):
                    await self._restart_on_other_ports()
                    await anyio.sleep(0.05)
        return self

    async def begin(self) -> None:
        """Start serve without waiting for it."""
        with self._log_file.open("ab") as log:
            command = [*self.program, "serve", *([] if self.deploys else ["--no-worker"])]
            self._process = await anyio.open_process(
                command, cwd=self.directory, env=self.environment(), stdout=log, stderr=log
            )

    @asynccontextmanager
    async def worker(self, program: Sequence[str] = WORKER, **env: str) -> AsyncIterator[Process]:
        """Run a separate worker of the instance until the block ends, or until it exits."""
        with (self.directory / "workers.log").open("ab") as log:
            process = await anyio.open_process(
                program, cwd=self.directory, env=self.environment() | env, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            with CancelScope(shield=True), suppress(ProcessLookupError):
                process.terminate()
                with anyio.move_on_after(20):
                    await process.wait()
                process.kill()
                await process.wait()

    @asynccontextmanager
    async def another_api(self) -> AsyncIterator[Self]:
        """Serve the same instance from an additional API process, which runs no worker."""
        other = evolve(self, port=free_port(), deploys=False)
        await other.start()
        self.other_ports.append(other.port)
        try:
            yield other
        finally:
            self.other_ports.remove(other.port)
            with CancelScope(shield=True):
                if other._process is not None:
                    await other.stop()

    def send(self, signal: Signals) -> None:
        """Send *signal* to serve without waiting for it."""
        assert self._process is not None
        self._process.send_signal(signal)

    async def stop(self, signal: Signals = SIGTERM, *, timeout_seconds: float = 60) -> int:
        """Stop serve with *signal*, and return its exit code."""
        self.send(signal)
        return await self.wait_until_exited(timeout_seconds=timeout_seconds)

    async def wait_until_exited(self, *, timeout_seconds: float = 60) -> int:
        """Wait until serve has exited, and return its exit code."""
        assert self._process is not None
        with anyio.fail_after(timeout_seconds):
            code = await self._process.wait()
        self._process = None
        return code

    async def run(
        self, *arguments: str, stdin: str = "", program: Sequence[str] = PROGRAM, **env: str
    ) -> CommandResult:
        """Run a command of `pushpaka` for this instance, and return the result."""
        with anyio.fail_after(120):
            ended = await anyio.run_process(
                [*program, *arguments], cwd=self.directory, env=self.environment() | env,
                input=stdin.encode(), check=False,
            )  # fmt: skip
        return CommandResult(
            code=ended.returncode, output=ended.stdout.decode(), errors=ended.stderr.decode()
        )

    async def take_down(self) -> None:
        """Stop serve and all programs in whatever state they are, and remove firewall rules."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await stop_everything(Settings(data_directory=self.data_directory))

    async def clean_up(self) -> None:
        """Stop everything that runs, and remove all files."""
        await self.take_down()
        if await to_thread.run_sync(lambda: self.engines):
            await to_thread.run_sync(self._remove_from_the_engine)
        await to_thread.run_sync(shutil.rmtree, self.directory)

    def api(self, token: str | None = None) -> httpx.AsyncClient:
        """Return a client of the API."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        base_url = f"http://127.0.0.1:{self.port}/api/v1"
        return httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60, trust_env=False)

    async def sign_up(self, email: str = "ann@example.com") -> str:
        """Register a user, and return the user's token."""
        body = {"email": email, "name": "Ann", "password": PASSWORD}
        async with self.api() as api:
            answer = await api.post("/auth/register", json=body)
        assert 201 == answer.status_code, answer.text
        return str(answer.json()["token"])

    async def deploy(self, api: httpx.AsyncClient, project_id: str) -> dict[str, Any]:
        """Deploy a project, and return the deployment when it runs or is final."""
        begun = await api.post("/deployments", json={"project_id": project_id})
        assert 201 == begun.status_code, begun.text
        return await self.wait_until_settled(api, begun.json()["id"])

    async def wait_until_settled(
        self, api: httpx.AsyncClient, deployment_id: str, *, timeout_seconds: float = 90
    ) -> dict[str, Any]:
        """Wait until a deployment runs or is final, and return the deployment."""
        with anyio.fail_after(timeout_seconds):
            while True:
                answer = await api.get(f"/deployments/{deployment_id}?wait=20")
                deployment: dict[str, Any] = answer.json()
                if deployment["status"] not in {"queued", "building", "deploying"}:
                    return deployment

    async def visit(self, url: str, path: str = "/") -> httpx.Response:
        """Request *path* of the application at *url* through the router."""
        headers = {"Host": urlsplit(url).netloc}
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            return await http.get(f"http://127.0.0.1:{self.router_port}{path}", headers=headers)

    async def _restart_on_other_ports(self) -> None:
        """Start serve again on other ports if it exited because its ports were in use."""
        assert self._process is not None
        if self._process.returncode is not None:
            assert "choices.json" in self.log.rstrip().rpartition("\n")[2], self.log
            await to_thread.run_sync(self.choose_other_ports)
            await self.begin()

    def _remove_from_the_engine(self) -> None:
        """Remove all resources of this instance from its Docker Engine."""
        if instance_id := read_instance_id(self.data_directory):
            remove_all(Labels(instance_id.hex), self._engine)

    @property
    def _runtime(self) -> str:
        named = self.env.get("PUSHPAKA_RUNTIME", "process")
        if named != UNSET:
            return named
        kept = read_stored_runtime(self.data_directory)
        return "" if kept is None else kept.runtime

    @property
    def _engine(self) -> str:
        """The URL of the Docker Engine."""
        return self.env.get("PUSHPAKA_DOCKER_URL", URL)

    def choose_other_ports(self) -> None:
        """Choose other internal ports of the router, because another instance uses the same."""
        choices = self.data_directory / "choices.json"
        if not choices.exists():
            return
        chosen = json.loads(choices.read_text())
        new = {f"router_{name}_port": free_port() for name in ("internal", "page", "gate")}
        choices.write_text(json.dumps(chosen | new))

    @property
    def _log_file(self) -> Path:
        return self.directory / "serve.log"

    def environment(self) -> dict[str, str]:
        """
        Return the environment of the instance's programs.

        Settings in the environment of the tests are left out.
        """
        settings = {
            **without_settings(os.environ),
            "HOME": str(self.directory),
            "TMPDIR": str(self.directory),
            "PUSHPAKA_DATA_DIRECTORY": str(self.data_directory),
            "PUSHPAKA_LOCAL_REPO_ROOT": str(self.repositories),
            "PUSHPAKA_PORT": str(self.port),
            "PUSHPAKA_ROUTER_PORT": str(self.router_port),
            "PUSHPAKA_INSTANCE_PORTS": self.instance_ports,
            "PUSHPAKA_DRAIN_TIMEOUT": "1",
            "PUSHPAKA_REGISTRATION": "open",
            "PUSHPAKA_RUNTIME": "process",
            **self.env,
        }
        return {name: value for name, value in settings.items() if value != UNSET}


@asynccontextmanager
async def open_served(**env: str) -> AsyncIterator[ServedInstance]:
    """Yield an instance that is not started yet, and remove it after the block."""
    served_instance = ServedInstance(directory=Path(mkdtemp(prefix="pushpaka-test-")), env=env)
    served_instance.directory.chmod(0o711)
    served_instance.repositories.mkdir()
    try:
        yield served_instance
    finally:
        with CancelScope(shield=True):
            await served_instance.clean_up()


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* without settings, and without a variable that slows down Python's start."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("PUSHPAKA_") and name != "PYTHONDONTWRITEBYTECODE"
    }
