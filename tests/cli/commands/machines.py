"""An instance in memory that listens on a real port, and the machines of its users."""

import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import chdir, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

import httpx
from anyio import fail_after, sleep
from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import define, evolve, frozen
from click.testing import CliRunner, Result
from tests.http.clients import PASSWORD, UNLIMITED
from tests.http.instances import FailingService
from tests.http.raw import serve
from tests.service_fixtures import SteppedClock
from tests.wait_until import wait_until

from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.memory.images import MemoryImageSource
from pushpaka_core.adapters.memory.outbound import MemoryResolver
from pushpaka_core.adapters.memory.runtime import MemoryRuntime
from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.bootstrap.memory import memory_adapters
from pushpaka_core.container.adapters import Options
from pushpaka_core.container.application import Application, assemble
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.services.projects.projects import ProjectService
from pushpaka_core.testing.repositories import Repository
from pushpaka_http.app import create_app
from pushpaka_http.cli.entry import pushpaka
from pushpaka_worker import open_worker

T = TypeVar("T")

PAGE = {"index.html": "<!doctype html><h1>Hello</h1>"}
TIMINGS = Timeouts(
    drain_time=timedelta(0),
    poll_interval=timedelta(milliseconds=50),
    heartbeat_interval=timedelta(milliseconds=50),
    heartbeat_timeout=timedelta(hours=1),
    lease_timeout=timedelta(hours=1),
    probe_interval=timedelta(milliseconds=10),
    min_pass_interval=timedelta(0),
    supervision_interval=timedelta(milliseconds=20),
    gc_interval=timedelta(milliseconds=100),
    min_uptime=timedelta(0),
)
"""
The timings of the instance: applications are healthy at once, and no lease expires when a test
advances the clock.
"""


@define
class TickingClock(SteppedClock):
    """A clock that advances by a microsecond at each reading, so that no two times are equal."""

    def __call__(self) -> datetime:
        self.jump(1e-6)
        return self.now


@frozen(kw_only=True)
class Server:
    """An instance in memory with a worker, served by another thread."""

    port: int
    api: httpx.Client
    portal: BlockingPortal
    clock: TickingClock
    """The clock of the instance, which only tests advance."""
    application: Application
    storage: MemoryStorage
    source: MemorySource
    builder: MemoryBuilder
    image_source: MemoryImageSource
    runtime: MemoryRuntime
    resolver: MemoryResolver

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """Run *function* in the event loop of the server, and return the result."""
        return self.portal.call(function, *arguments)

    async def crash_until_failed(self, deployment_id: str) -> None:
        """Crash the instances of a deployment after each start until it has failed."""
        id_ = DeploymentId(UUID(deployment_id))
        with fail_after(60):
            while (await self.application.deployments.get(PLATFORM, id_)).status != "failed":
                for name, request in self.runtime.running.items():
                    if request.instance.deployment_id == id_:
                        self.runtime.crash(name)
                self.clock.advance(2)  # Restarts wait a little longer after each crash.
                await sleep(0.02)

    def commit(
        self,
        url: str,
        sha: str,
        message: str = "Begin",
        branch: str = "main",
        files: Mapping[str, str] = PAGE,
    ) -> None:
        """Add a commit with *files* to the repository at *url*."""
        branches = self.source.repositories.setdefault(url, {})
        commit = MemoryCommit(sha=sha, message=message, files=files)
        branches.setdefault(branch, []).append(commit)


@contextmanager
def open_server(project_list_error: Exception | None = None) -> Iterator[Server]:
    """Serve an empty instance. If *project_list_error* is given, the project list raises it."""
    clock, storage, source = TickingClock(), MemoryStorage(), MemorySource()
    builder, runtime = MemoryBuilder(now=clock), MemoryRuntime(now=clock)
    resolver, image_source = MemoryResolver(), MemoryImageSource(builder=builder)
    adapters = evolve(
        memory_adapters(now=clock),
        storage=storage,
        source=source,
        builder=builder,
        image_source=image_source,
        runtime=runtime,
        resolver=resolver,
        stopwatch=clock.stopwatch,
    )
    application = assemble(
        adapters, Options(timeouts=TIMINGS, instance_ports=range(20_000, 20_500))
    )
    if project_list_error is not None:
        application = evolve(
            application, projects=cast("ProjectService", FailingService(project_list_error))
        )
    app = create_app(application, limits=UNLIMITED)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(open_worker(application)),
        portal.wrap_async_context_manager(serve(app)) as port,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60, trust_env=False
        ) as api,
    ):
        yield Server(
            port=port,
            api=api,
            portal=portal,
            clock=clock,
            application=application,
            storage=storage,
            source=source,
            builder=builder,
            image_source=image_source,
            runtime=runtime,
            resolver=resolver,
        )


@define(kw_only=True)
class Machine:
    """A user's machine: its settings, and a folder in which commands run."""

    home: Path
    folder: Path

    @classmethod
    def at(cls, directory: Path) -> "Machine":
        """Return a new machine with its files in *directory*."""
        machine = cls(home=directory / "home", folder=directory / "folder")
        machine.home.mkdir(parents=True)
        machine.folder.mkdir()
        return machine

    @property
    def env(self) -> dict[str, str | None]:
        """The environment variables of commands that differ from those of the tests."""
        ours = {name: None for name in os.environ if name.startswith("PUSHPAKA_")}
        return {**ours, "XDG_CONFIG_HOME": str(self.home), "NO_COLOR": "1"}

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a process on this machine."""
        variables = {
            **os.environ,
            **self.env,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        return {name: value for name, value in variables.items() if value is not None}

    @property
    def context_file(self) -> Path:
        return self.home / "pushpaka" / "contexts.json"

    def subfolder(self, folder: str) -> "Machine":
        """Return this machine in a subfolder, which is created if necessary."""
        inner = self.folder / folder
        inner.mkdir(parents=True, exist_ok=True)
        return evolve(self, folder=inner)

    def run(
        self,
        *words: str,
        input: str = "",
        code: int | None = 0,
        env: Mapping[str, str] | None = None,
    ) -> Result:
        """Run a command, and require the exit code *code* unless it is None."""
        with chdir(self.folder):
            result = CliRunner().invoke(
                pushpaka, words, input=input, env={**self.env, **(env or {})}
            )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert code in {None, result.exit_code}, result.output
        return result

    def json(self, *words: str, **more: Any) -> Any:
        """Run a command with `--json`, and return the printed object."""
        return json.loads(self.run(*words, "--json", **more).stdout)

    def printed_objects(self, result: Result) -> list[dict[str, Any]]:
        """Return the objects that a command printed, one per line."""
        return [json.loads(line) for line in result.stdout.splitlines()]

    def sign_up(self, server: Server, email: str) -> None:
        """Register an account, and stay signed in."""
        words = ("login", server.url, "--register", "--email", email, "--password-stdin")
        self.run(*words, input=f"{PASSWORD}\n")

    def create(self, name: str, *settings: str) -> str:
        """Create a project with a repository of its own, and return its id."""
        url = repo_url(name)
        return str(self.json("projects", "create", name, "--repo", url, *settings)["id"])

    def mark_as_clone(self, url: str, *, branch: str = "main") -> None:
        """Make the folder look like a clone of the repository at *url* without any commit."""
        git = self.folder / ".git"
        git.mkdir()
        (git / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
        (git / "config").write_text(f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {url}\n')


@frozen(kw_only=True)
class Shop:
    """A project, its server, and the machine of its owner in a clone of its repository."""

    server: Server
    machine: Machine
    name: str
    id: str
    token: str
    """The token of the owner."""

    @classmethod
    def create(cls, server: Server, owner: Machine, name: str, *settings: str) -> "Shop":
        """Create a project, and clone its repository with one commit into a subfolder."""
        id_, clone = owner.create(name, *settings), owner.subfolder(name)
        (context,) = json.loads(owner.context_file.read_text())["by_name"].values()
        shop = cls(server=server, machine=clone, name=name, id=id_, token=context["token"])
        shop.repository.git("init", "--quiet", "--initial-branch=main")
        shop.repository.git("remote", "add", "origin", repo_url(name))
        shop.commit("Begin")
        return shop

    @property
    def repository(self) -> Repository:
        return Repository(self.machine.folder)

    @property
    def url(self) -> str:
        """The URL of the application."""
        return str(self.ask("GET", f"/projects/{self.id}")["url"])

    def commit(self, message: str, branch: str = "main", files: Mapping[str, str] = PAGE) -> str:
        """Commit and push *files*, and return the hash of the commit."""
        sha = self.repository.commit(message, {**files, "message": message})
        self.repository.git("update-ref", f"refs/remotes/origin/{branch}", sha)
        self.server.commit(repo_url(self.name), sha, message, branch, files)
        return sha

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send an API request that must succeed, and return the response."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.server.api.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def deploy(self, **wanted: str) -> dict[str, Any]:
        """Queue a deployment."""
        return self.ask("POST", "/deployments", {"project_id": self.id, **wanted})

    def deployments(self) -> list[dict[str, Any]]:
        """Return the deployments of the project, newest first."""
        return list(self.ask("GET", f"/deployments?project_id={self.id}")["data"])

    def wait_until(self, status: str, *, number: int = 1) -> dict[str, Any]:
        """Wait until deployment number *number* has *status*, and return it."""
        found: list[dict[str, Any]] = []

        def is_found() -> bool:
            found[:] = [one for one in self.deployments() if one["sequence"] == number]
            return [status] == [one["status"] for one in found]

        wait_until(is_found, lambda: found)
        return found[0]

    def log(self, deployment_id: str) -> list[dict[str, Any]]:
        """Return the log of a deployment."""
        return list(self.ask("GET", f"/logs/{deployment_id}")["data"])

    def timeline(self, deployment_id: str) -> list[dict[str, Any]]:
        """Return the steps of a deployment."""
        return list(self.ask("GET", f"/deployments/{deployment_id}/events")["data"])


@contextmanager
def run_in_background(function: Callable[..., T], *arguments: object) -> Iterator[Future[T]]:
    """Run *function* in another thread during the block, and raise its exception if it fails."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(function, *arguments)
        yield future
        future.result()


def repo_url(name: str) -> str:
    """Return the URL of the repository of the project *name*."""
    return f"https://git.example.com/ann/{name.lower().replace(' ', '-')}.git"
