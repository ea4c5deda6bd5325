"""Somebody who deploys by the command line, in folders of their own."""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, chdir
from pathlib import Path
from signal import SIGKILL
from typing import Any

import anyio
from anyio import CancelScope, to_thread
from anyio.abc import ByteReceiveStream, Process
from attrs import define, field, frozen
from click.testing import CliRunner
from tests.acceptance.people import PATIENCE, Json, Person
from tests.served import PROGRAM, Finished, Served

from pushpaka_core.testing.repositories import Repository
from pushpaka_http.cli.entry import pushpaka

PAGE = {"index.html": "<!doctype html><h1>Hello</h1>"}


@frozen(kw_only=True)
class Site:
    """A project, and a clone of its repository."""

    project: Json
    clone: Repository
    upstream: Repository


@define
class Running:
    """A command that runs, and what it has printed so far."""

    process: Process
    output: str = field(default="", init=False)
    errors: str = field(default="", init=False)

    async def until_said(self, text: str) -> None:
        """Wait until it has said *text* on either stream."""
        with anyio.fail_after(PATIENCE):
            while text not in self.output + self.errors:
                await anyio.sleep(0.02)

    async def ended(self) -> int:
        """Return its exit code."""
        with anyio.fail_after(PATIENCE):
            return await self.process.wait()


@frozen(kw_only=True)
class Shell:
    """Where commands are given."""

    served: Served
    person: Person
    relay: int | None = None
    """The port of what stands between them and the server, if something does."""

    @property
    def env(self) -> Mapping[str, str | None]:
        """What commands see beside what they see anyway."""
        ours = {name: None for name in os.environ if name.startswith("PUSHPAKA_")}
        return {
            **ours,
            "PUSHPAKA_CLIENT_URL": f"http://127.0.0.1:{self.relay or self.served.port}",
            "PUSHPAKA_CLIENT_TOKEN": self.person.token,
            "XDG_CONFIG_HOME": str(self.served.directory / "config"),
        }

    async def site(self, name: str, files: Mapping[str, str] = PAGE, **settings: Any) -> Site:
        """Make a project of a repository with *files*, and a clone of that."""
        directory = self.served.new_directory()
        upstream = await to_thread.run_sync(_committed, directory / "upstream", files)
        clone = await to_thread.run_sync(_cloned, upstream, directory / "clone")
        project = await self.person.project(upstream.path, name, **settings)
        return Site(project=project, clone=clone, upstream=upstream)

    async def run(self, *words: str, at: Path | None = None, code: int = 0) -> Finished:
        """Give a command to its end, and see it end with the exit code *code*."""

        def run() -> Finished:
            with chdir(at or self.served.directory):
                result = CliRunner().invoke(pushpaka, words, env=self.env)
            if result.exception and not isinstance(result.exception, SystemExit):
                raise result.exception
            return Finished(code=result.exit_code, output=result.stdout, errors=result.stderr)

        finished = await to_thread.run_sync(run)
        assert code == finished.code, finished.output + finished.errors
        return finished

    async def json(self, *words: str, at: Path | None = None) -> Any:
        """Return the object that a command prints with `--json`."""
        return json.loads((await self.run(*words, "--json", at=at)).output)

    @asynccontextmanager
    async def running(self, *words: str, at: Path | None = None) -> AsyncIterator[Running]:
        """Give a command to a process of its own, which may end before the block does."""
        env = {name: value for name, value in {**os.environ, **self.env}.items() if value}
        async with (
            await anyio.open_process([*PROGRAM, *words], cwd=at, env=env) as process,
            anyio.create_task_group() as reading,
        ):
            running = Running(process)

            async def read(stream: ByteReceiveStream | None, name: str) -> None:
                assert stream is not None
                async for chunk in stream:
                    setattr(running, name, getattr(running, name) + chunk.decode())

            reading.start_soon(read, process.stdout, "output")
            reading.start_soon(read, process.stderr, "errors")
            try:
                yield running
            finally:
                if process.returncode is None:
                    process.send_signal(SIGKILL)
                with CancelScope(shield=True):
                    await process.wait()


def _committed(path: Path, files: Mapping[str, str]) -> Repository:
    repository = Repository.make(path)
    repository.commit("Begin", files)
    repository.git("config", "receive.denyCurrentBranch", "ignore")
    return repository


def _cloned(upstream: Repository, path: Path) -> Repository:
    upstream.git("clone", "--quiet", str(upstream.path), str(path))
    return Repository(path)
