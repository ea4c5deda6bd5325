"""Runs operator commands in this process with a separate data directory."""

import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import anyio
import httpx
from anyio.from_thread import start_blocking_portal
from attrs import field, frozen
from blockbuster.blockbuster import _skip as blocking
from click.testing import CliRunner
from sniffio import current_async_library_cvar
from tests.served_instance import PASSWORD, CommandResult, free_port

from pushpaka_core.bootstrap import open_application
from pushpaka_core.container.application import Application
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.users import Registration, Role
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.env_vars import NewEnvVar
from pushpaka_core.domain.projects.projects import NewProject
from pushpaka_core.maintenance.instance import lock_data_directory, stop_everything
from pushpaka_core.settings.settings import Settings
from pushpaka_http.cli import main
from pushpaka_http.cli.commands.operator import serve
from pushpaka_http.cli.server.instance import open_instance
from pushpaka_worker import program

T = TypeVar("T")


@frozen(kw_only=True)
class Operator:
    """Runs commands on the machine of an instance."""

    directory: Path
    port: int = field(factory=free_port)
    env: dict[str, str] = field(factory=dict)
    """Additional settings for all commands."""

    @property
    def data_directory(self) -> Path:
        return self.directory / "data"

    @property
    def sqlite_url(self) -> str:
        """The URL of the default database."""
        return f"sqlite:///{self.data_directory / 'pushpaka.sqlite'}"

    @property
    def api_url(self) -> str:
        """The URL of the API."""
        return f"http://127.0.0.1:{self.port}/api/v1"

    def environment(self, **env: str) -> dict[str, str]:
        """Return the settings of commands as environment variables. Empty settings are unset."""
        settings = {
            "PATH": os.environ["PATH"],
            "PUSHPAKA_DATA_DIRECTORY": str(self.data_directory),
            "PUSHPAKA_LOCAL_REPO_ROOT": str(self.directory),
            "PUSHPAKA_PORT": str(self.port),
            "PUSHPAKA_REGISTRATION": "open",
            "PUSHPAKA_ROUTER": "none",
            "PUSHPAKA_RUNTIME": "process",
            "PUSHPAKA_TEST_TIMING": "fast",
            **self.env,
            **env,
        }
        return {name: value for name, value in settings.items() if value}

    def settings(self, **env: str) -> Settings:
        return Settings.from_environ(self.environment(**env))

    def run(self, *words: str, stdin: str | bytes = "", **env: str) -> CommandResult:
        """Run a command until it exits, and return its output and its exit code."""
        output, errors, code = self.run_binary(*words, stdin=stdin, **env)
        return CommandResult(code=code, output=output.decode(), errors=errors.decode())

    def run_binary(
        self, *words: str, stdin: str | bytes = "", **env: str
    ) -> tuple[bytes, bytes, int]:
        """Run a command until it exits, and return its stdout, its stderr and its exit code."""
        ours: Mapping[str, str | None] = {
            **{name: None for name in os.environ if name.startswith("PUSHPAKA_")},
            **self.environment(**env),
        }
        with CliRunner().isolation(stdin, ours) as (output, errors, _), _same_process():
            sys.argv = ["pushpaka", *words]
            try:
                main()
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
            return output.getvalue(), errors.getvalue(), code

    def run_refused(self, *words: str, **env: str) -> str:
        """Run a command that exits with code 2 and a message, and return the message."""
        finished = self.run(*words, **env)
        assert 2 == finished.code, finished.errors
        assert "Traceback" not in finished.errors
        return finished.errors

    def act(self, function: Callable[[Application], Awaitable[T]]) -> T:
        """Open the application and return the result of calling *function* with it."""

        async def act() -> T:
            async with open_application(self.settings()) as application:
                return await function(application)

        return run_async(act)

    def add_secret(self) -> ProjectId:
        """Create a user with a project that has an environment variable. Return the project id."""

        async def add(application: Application) -> ProjectId:
            registration = Registration(email="ann@example.com", name="Ann", password=PASSWORD)
            user = await application.accounts.create(PLATFORM, registration, Role.USER)
            new = NewProject(name="shop", repo_url="https://git.example.com/shop.git")
            project = (await application.projects.create(Actor.from_user(user), new)).project
            secret = NewEnvVar(project_id=project.id, key="TOKEN", value="open sesame")
            await application.env_vars.set(Actor.from_user(user), secret)
            return project.id

        return self.act(add)

    @contextmanager
    def serve(self, *, deploys: bool = True, **env: str) -> Iterator[httpx.Client]:
        """Serve the API in another thread until the block ends, and yield a client."""
        settings = self.settings(**env)
        with (
            lock_data_directory(settings, is_shared=not deploys),
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(open_instance(settings, runs_worker=deploys)),
            httpx.Client(base_url=self.api_url, timeout=60, trust_env=False) as api,
        ):
            yield api


@contextmanager
def open_operator(directory: Path) -> Iterator[Operator]:
    """Yield an operator, and remove at the end what commands have left running on the host."""
    operator = Operator(directory=directory)
    try:
        yield operator
    finally:
        if operator.data_directory.exists():
            run_async(stop_everything, Settings(data_directory=operator.data_directory))


def sign_up(api: httpx.Client) -> None:
    """Register Ann, and send her token with all later requests."""
    body = {"email": "ann@example.com", "name": "Ann", "password": PASSWORD}
    answer = api.post("/auth/register", json=body)
    assert answer.is_success, answer.text
    api.headers["Authorization"] = f"Bearer {answer.json()['token']}"


@contextmanager
def _same_process() -> Iterator[None]:
    """Undo a command's changes to this process, and prevent those that cannot be undone."""
    root = logging.getLogger()
    handlers, level, is_disabled = root.handlers[:], root.level, root.manager.disable
    argv = sys.argv
    # `serve` hides them, so that no library imports them.
    hidden = {name: sys.modules.get(name) for name in ("pygments", "rich")}
    with (
        patch.multiple(serve, disable_core_dumps=_no_op, use_single_arena=_no_op),
        patch.multiple(program, disable_core_dumps=_no_op, use_single_arena=_no_op),
        _no_event_loop(),
    ):
        try:
            yield
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
            root.manager.disable = is_disabled
            sys.argv = argv
            for name in hidden:
                if sys.modules.get(name, root) is None:
                    del sys.modules[name]
            sys.modules.update({name: module for name, module in hidden.items() if module})


def _no_op() -> None:
    pass


def run_async(function: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """Run an async function in a new event loop."""
    with _no_event_loop():
        return anyio.run(function, *arguments)


@contextmanager
def _no_event_loop() -> Iterator[None]:
    """
    Hide the event loop of async fixtures of other tests, because commands start their own.

    A command may block its event loop, which has no other tasks.
    """
    token = current_async_library_cvar.set(None)
    try:
        with patch.object(blocking, "value", True):
            yield
    finally:
        current_async_library_cvar.reset(token)
