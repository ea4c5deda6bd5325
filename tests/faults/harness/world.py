"""What the harness lets suffer: programs of the platform, and the servers that they share."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals
from tempfile import TemporaryDirectory

import anyio
from anyio import CancelScope, create_task_group, sleep
from anyio.abc import Process
from attrs import define, field, frozen
from tests.postgres import PostgresServer, running_server
from tests.redis_server import RedisServer
from tests.served import LEAN_WORKER, PROGRAM, WORKER, Served, free_port, open_served

_SETTINGS = {"PUSHPAKA_TEST_TIMING": "fast", "PUSHPAKA_RELEASES_KEPT": "2"}
_RESTART_SECONDS = 0.2


class Database(StrEnum):
    """Where the platform keeps what it knows."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@frozen(kw_only=True)
class Ending:
    """How a program has ended once."""

    code: int
    last_words: str
    """The last line of its log."""


@define(kw_only=True)
class Program:
    """A process of the platform, started again whenever it ends, as by a supervisor."""

    command: Sequence[str]
    directory: Path
    env: Mapping[str, str] = field(repr=False)
    log: Path
    ends: list[Ending] = field(factory=list, init=False)
    _process: Process | None = field(default=None, init=False)

    async def keep(self) -> None:
        """Have it run, without end."""
        while True:
            code = await self._run()
            said = self.log.read_text(errors="replace").splitlines()
            self.ends.append(Ending(code=code, last_words=said[-1] if said else ""))
            await sleep(_RESTART_SECONDS)

    def kill(self) -> None:
        """End it, whatever it does."""
        self._send(SIGKILL)

    def end(self) -> None:
        """Ask it to end."""
        self._send(SIGTERM)

    def pause(self) -> None:
        """Let it stand still."""
        self._send(SIGSTOP)

    def go_on(self) -> None:
        """Let it move again."""
        self._send(SIGCONT)

    async def _run(self) -> int:
        with self.log.open("ab") as log:
            process = await anyio.open_process(
                self.command, cwd=self.directory, env=self.env, stdout=log, stderr=log
            )
        self._process = process
        try:
            return await process.wait()
        finally:
            self._process = None
            with CancelScope(shield=True), suppress(ProcessLookupError):
                process.kill()
                await process.wait()

    def _send(self, signal: Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal)


@frozen(kw_only=True)
class World:
    """An instance of several APIs and workers; all that may go wrong can be reached from here."""

    database: Database
    served: Served
    ports: Sequence[int]
    """Of the APIs."""
    apis: Sequence[Program]
    workers: Sequence[Program]
    redis: RedisServer
    postgres: PostgresServer | None

    @property
    def url(self) -> str:
        """Return the address of the database."""
        own = f"sqlite:///{self.served.data_directory / 'pushpaka.sqlite'}"
        return self.served.env.get("PUSHPAKA_DATABASE_URL", own)

    @property
    def programs(self) -> Sequence[Program]:
        """Return all that has to run."""
        return (*self.apis, *self.workers)

    @property
    def logs(self) -> Sequence[Path]:
        """Return where the programs have written what they say."""
        return [program.log for program in self.programs]


@asynccontextmanager
async def open_world(database: Database) -> AsyncIterator[World]:
    """Start two APIs and three workers on one database and one Redis, and leave nothing of it."""
    with _shared(database) as (redis, postgres, urls):
        async with open_served(**_SETTINGS, **urls) as served:
            world = _world(database, served, redis, postgres)
            await served.start()
            await served.stop()
            async with create_task_group() as tasks:
                for program in world.programs:
                    tasks.start_soon(program.keep)
                yield world
                tasks.cancel_scope.cancel()


@contextmanager
def _shared(
    database: Database,
) -> Iterator[tuple[RedisServer, PostgresServer | None, Mapping[str, str]]]:
    with _redis() as redis:
        urls = {"PUSHPAKA_REDIS_URL": redis.url}
        if database is Database.SQLITE:
            yield redis, None, urls
            return
        with running_server() as postgres:
            postgres.make_template()
            with postgres.database() as url:
                yield redis, postgres, urls | {"PUSHPAKA_DATABASE_URL": url}


@contextmanager
def _redis() -> Iterator[RedisServer]:
    with TemporaryDirectory(prefix="pushpaka-redis-") as directory:
        redis = RedisServer(Path(directory))
        try:
            redis.start()
            yield redis
        finally:
            redis.kill()


def _world(
    database: Database, served: Served, redis: RedisServer, postgres: PostgresServer | None
) -> World:
    served.deploys = False
    ports = (served.port, free_port())
    serve = [*PROGRAM, "serve", "--no-worker"]
    return World(
        database=database,
        served=served,
        ports=ports,
        apis=[
            _program(served, f"api-{n}", serve, PUSHPAKA_PORT=str(port))
            for n, port in enumerate(ports, 1)
        ],
        workers=[
            _program(served, f"worker-{n}", command)
            for n, command in enumerate([WORKER, LEAN_WORKER, WORKER], 1)
        ],
        redis=redis,
        postgres=postgres,
    )


def _program(served: Served, name: str, command: Sequence[str], **env: str) -> Program:
    return Program(
        command=command,
        directory=served.directory,
        env=served.environment() | env,
        log=served.directory / f"{name}.log",
    )
