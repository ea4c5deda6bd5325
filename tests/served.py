"""A `pushpaka serve` of a test's own, as a real process, and everything to speak to it."""

import json
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import randbelow
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

from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.adapters.files.instance_ids import known_instance_id
from pushpaka_core.adapters.files.runtimes import kept_runtime
from pushpaka_core.maintenance import take_down
from pushpaka_core.settings import Settings

PROGRAM = (sys.executable, "-m", "pushpaka_http.cli")
WORKER = (*PROGRAM, "worker")
_OF_THE_API = ("click", "litestar", "pushpaka_http", "prometheus_client", "rich", "uvicorn")
_LEAN = f"import sys; sys.modules.update(dict.fromkeys({_OF_THE_API}))"
LEAN_WORKER = (sys.executable, "-c", f"{_LEAN}; import pushpaka_worker.__main__")
"""A worker where nothing is installed of what only an API needs."""
PASSWORD = "correct horse"
ENGINES = "PUSHPAKA_TEST_ENGINES"
"""What names the engines of all machines of a Swarm; it is no setting."""
LEFT_OPEN = ""
"""The value of a setting that is not set, so that the instance chooses by itself."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def answers(client: httpx.AsyncClient, url: str) -> bool:
    """Tell whether somebody is at *url* by now, and content."""
    try:
        return (await client.get(url)).is_success
    except httpx.TransportError:
        return False


@frozen(kw_only=True)
class Finished:
    """What a command left behind."""

    code: int
    output: str
    errors: str


@define(kw_only=True)
class Served:
    """
    An instance with ports and a data directory that nobody else has.

    Started, ended and taken down as an operator would; `open_served` cleans up.
    """

    directory: Path
    """Where any user may pass, as programs of a user of their own have to."""
    port: int = field(factory=free_port)
    router_port: int = field(factory=free_port)
    env: dict[str, str] = field(factory=dict)
    """Settings beside those that are made up here."""
    deploys: bool = True
    """Whether serve deploys by itself."""
    program: Sequence[str] = PROGRAM
    """What serve is started by."""
    others: list[int] = field(factory=list, init=False)
    """The ports of further APIs of the same instance."""
    _process: Process | None = field(default=None, init=False)

    @property
    def data_directory(self) -> Path:
        return self.directory / "data"

    @property
    def runs_on_a_swarm(self) -> bool:
        return self._runtime == "swarm"

    @property
    def engines(self) -> Sequence[str]:
        """Where the containers are that it runs, if it runs any."""
        match self._runtime:
            case "swarm":
                return self.env[ENGINES].split(",")
            case "docker":
                return [self._engine]
        return []

    @property
    def repositories(self) -> Path:
        """Where repositories may lie that are deployed from this host."""
        return self.directory / "repositories"

    def new_directory(self) -> Path:
        """Make a directory for the repositories of one test."""
        directory = self.repositories / uuid4().hex
        directory.mkdir()
        return directory

    @property
    def log(self) -> str:
        """What serve has printed, over all its starts."""
        return self._log_file.read_text()

    @property
    def workers_log(self) -> str:
        """What all workers have printed."""
        log = self.directory / "workers.log"
        return log.read_text() if log.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> Self:
        """Start serve, and return once it answers."""
        await self.begin()
        with anyio.fail_after(30):
            while not await self._answers():
                assert self._process is not None
                if self._process.returncode is not None:
                    await to_thread.run_sync(self._choose_other_ports)
                    await self.begin()
                await anyio.sleep(0.05)
        return self

    async def begin(self) -> None:
        """Start serve, and do not wait."""
        with self._log_file.open("ab") as log:
            command = [*self.program, "serve", *([] if self.deploys else ["--no-worker"])]
            self._process = await anyio.open_process(
                command, cwd=self.directory, env=self.environment(), stdout=log, stderr=log
            )

    @asynccontextmanager
    async def worker(self, program: Sequence[str] = WORKER, **env: str) -> AsyncIterator[Process]:
        """Run a worker on the same data directory, which may end before the block does."""
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
        """Serve the same instance by another process that does not deploy."""
        other = evolve(self, port=free_port(), deploys=False)
        await other.start()
        self.others.append(other.port)
        try:
            yield other
        finally:
            self.others.remove(other.port)
            with CancelScope(shield=True):
                if other._process is not None:
                    await other.stop()

    def send(self, signal: Signals) -> None:
        """Send *signal* to serve, and do not wait."""
        assert self._process is not None
        self._process.send_signal(signal)

    async def stop(self, signal: Signals = SIGTERM, *, within: float = 15) -> int:
        """End serve by *signal*, and return its exit code."""
        self.send(signal)
        return await self.ended(within=within)

    async def ended(self, *, within: float = 30) -> int:
        """Return the exit code of serve, once it has ended by whatever reason."""
        assert self._process is not None
        process, self._process = self._process, None
        with anyio.fail_after(within):
            return await process.wait()

    async def run(self, *arguments: str, stdin: str = "", **env: str) -> Finished:
        """Run another command of `pushpaka` on the same data directory to its end."""
        with anyio.fail_after(60):
            ended = await anyio.run_process(
                [*PROGRAM, *arguments], cwd=self.directory, env=self.environment() | env,
                input=stdin.encode(), check=False,
            )  # fmt: skip
        return Finished(
            code=ended.returncode, output=ended.stdout.decode(), errors=ended.stderr.decode()
        )

    async def clean_up(self) -> None:
        """End all that was started, whatever state it is in, and remove all files."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await take_down(Settings(data_directory=self.data_directory))
        if await to_thread.run_sync(lambda: self.engines):
            await to_thread.run_sync(self._remove_from_the_engine)
        await to_thread.run_sync(shutil.rmtree, self.directory)

    def api(self, token: str | None = None) -> httpx.AsyncClient:
        """Return a client of the API."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        base_url = f"http://127.0.0.1:{self.port}/api/v1"
        return httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60, trust_env=False)

    async def sign_up(self, email: str = "ann@example.com") -> str:
        """Register somebody and return their token."""
        body = {"email": email, "name": "Ann", "password": PASSWORD}
        async with self.api() as api:
            answer = await api.post("/auth/register", json=body)
        assert 201 == answer.status_code, answer.text
        return str(answer.json()["token"])

    async def deploy(self, api: httpx.AsyncClient, project_id: str) -> dict[str, Any]:
        """Deploy, and return the deployment once it runs or is over."""
        begun = await api.post("/deployments", json={"project_id": project_id})
        assert 201 == begun.status_code, begun.text
        return await self.outcome(api, begun.json()["id"])

    async def outcome(
        self, api: httpx.AsyncClient, deployment_id: str, *, within: float = 90
    ) -> dict[str, Any]:
        """Return a deployment once it runs or is over."""
        with anyio.fail_after(within):
            while True:
                answer = await api.get(f"/deployments/{deployment_id}?wait=20")
                deployment: dict[str, Any] = answer.json()
                if deployment["status"] not in {"queued", "building", "deploying"}:
                    return deployment

    async def visit(self, url: str, path: str = "/") -> httpx.Response:
        """Ask the router for *path* of the application at *url*."""
        headers = {"Host": urlsplit(url).netloc}
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            return await http.get(f"http://127.0.0.1:{self.router_port}{path}", headers=headers)

    async def _answers(self) -> bool:
        async with self.api() as api:
            return await answers(api, "/health")

    def _remove_from_the_engine(self) -> None:
        """Leave nothing of this instance in its engine."""
        if instance_id := known_instance_id(self.data_directory):
            remove_all(Marks(instance_id.hex), self._engine)

    @property
    def _runtime(self) -> str:
        named = self.env.get("PUSHPAKA_RUNTIME", "process")
        if named != LEFT_OPEN:
            return named
        kept = kept_runtime(self.data_directory)
        return "" if kept is None else kept.runtime

    @property
    def _engine(self) -> str:
        """The engine that it asks."""
        return self.env.get("PUSHPAKA_DOCKER_URL", URL)

    def _choose_other_ports(self) -> None:
        """Take what serve has refused to start for: another instance chose the same just now."""
        assert "another one is chosen" in self.log.rstrip().rpartition("\n")[2], self.log
        choices = self.data_directory / "choices.json"
        chosen = json.loads(choices.read_text())
        new = {f"router_{name}_port": free_port() for name in ("internal", "page")}
        choices.write_text(json.dumps(chosen | new))

    @property
    def _log_file(self) -> Path:
        return self.directory / "serve.log"

    def environment(self) -> dict[str, str]:
        """Return what its programs see: no setting of whoever runs the tests."""
        first_port = 20_000 + randbelow(9_900)
        settings = {
            **foreign(os.environ),
            "HOME": str(self.directory),
            "TMPDIR": str(self.directory),
            "PUSHPAKA_DATA_DIRECTORY": str(self.data_directory),
            "PUSHPAKA_LOCAL_REPO_ROOT": str(self.repositories),
            "PUSHPAKA_PORT": str(self.port),
            "PUSHPAKA_ROUTER_PORT": str(self.router_port),
            "PUSHPAKA_INSTANCE_PORTS": f"{first_port}-{first_port + 99}",
            "PUSHPAKA_DRAIN_TIMEOUT": "1",
            "PUSHPAKA_RUNTIME": "process",
            **self.env,
        }
        return {name: value for name, value in settings.items() if value != LEFT_OPEN}


@asynccontextmanager
async def open_served(**env: str) -> AsyncIterator[Served]:
    """Yield an instance that is not started yet, and leave nothing of it."""
    served = Served(directory=Path(mkdtemp(prefix="pushpaka-test-")), env=env)
    served.directory.chmod(0o711)
    served.repositories.mkdir()
    try:
        yield served
    finally:
        with CancelScope(shield=True):
            await served.clean_up()


def foreign(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what is neither a setting, nor keeps Python from starting fast the second time."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("PUSHPAKA_") and name != "PYTHONDONTWRITEBYTECODE"
    }
