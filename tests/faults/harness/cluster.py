"""The cluster under test: APIs and workers, and the servers that they share."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals
from tempfile import TemporaryDirectory

import anyio
import httpx
from anyio import CancelScope, create_task_group, fail_after, sleep
from anyio.abc import Process
from attrs import define, field, frozen
from tests.served_instance import (
    LEAN_WORKER,
    PROGRAM,
    WORKER,
    ServedInstance,
    free_port,
    open_served,
    responds,
)
from tests.servers.postgres import PostgresServer, run_server
from tests.servers.redis import RedisServer, open_redis_server

LEASE_SECONDS = 20
"""Seconds without a heartbeat after which a lease is lost, long enough for a busy machine."""
_SETTINGS = {"PUSHPAKA_TEST_TIMING": f"fast:{LEASE_SECONDS}", "PUSHPAKA_RELEASES_KEPT": "2"}
_RESTART_SECONDS = 0.2


class Database(StrEnum):
    """The kind of database that the APIs and workers share."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@frozen(kw_only=True)
class Exit:
    """How a program exited."""

    code: int
    last_line: str
    """The last line of the program's log at its exit."""


@define(kw_only=True)
class Program:
    """An API or a worker, which is restarted whenever it exits, as by a process supervisor."""

    command: Sequence[str]
    directory: Path
    env: Mapping[str, str] = field(repr=False)
    log: Path
    exits: list[Exit] = field(factory=list, init=False)
    _process: Process | None = field(default=None, init=False)

    async def supervise(self) -> None:
        """Run the program, record each exit, and start it again, until canceled."""
        while True:
            code = await self._run()
            lines = self.log.read_text(errors="replace").splitlines()
            self.exits.append(Exit(code=code, last_line=lines[-1] if lines else ""))
            await sleep(_RESTART_SECONDS)

    def kill(self) -> None:
        """Send SIGKILL to the program."""
        self._send(SIGKILL)

    def terminate(self) -> None:
        """Send SIGTERM to the program."""
        self._send(SIGTERM)

    def pause(self) -> None:
        """Send SIGSTOP to the program."""
        self._send(SIGSTOP)

    def resume(self) -> None:
        """Send SIGCONT to the program."""
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
class Cluster:
    """A Pushpaka instance with two APIs, three workers, one database and one Redis."""

    served_instance: ServedInstance
    ports: Sequence[int]
    """The ports of the APIs."""
    apis: Sequence[Program]
    workers: Sequence[Program]
    redis: RedisServer
    postgres: PostgresServer | None

    @property
    def database_url(self) -> str:
        own = f"sqlite:///{self.served_instance.data_directory / 'pushpaka.sqlite'}"
        return self.served_instance.env.get("PUSHPAKA_DATABASE_URL", own)

    @property
    def programs(self) -> Sequence[Program]:
        return (*self.apis, *self.workers)

    @property
    def logs(self) -> Mapping[Path, str]:
        """The log of each program, by file."""
        paths = [program.log for program in self.programs if program.log.exists()]
        return {path: path.read_text(errors="replace") for path in paths}


@asynccontextmanager
async def open_cluster(database: Database) -> AsyncIterator[Cluster]:
    """Start a cluster, yield it once the APIs respond, and remove everything afterwards."""
    with _servers(database) as (redis, postgres, urls):
        async with open_served(**_SETTINGS, **urls) as served:
            cluster = _cluster(served, redis, postgres)
            # Once alone, so that the programs do not create the database at the same time.
            await served.start()
            await served.stop()
            async with create_task_group() as tasks:
                for program in cluster.programs:
                    tasks.start_soon(program.supervise)
                await _wait_until_up(cluster)
                yield cluster
                tasks.cancel_scope.cancel()


async def _wait_until_up(cluster: Cluster) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        with fail_after(120):
            for port in cluster.ports:
                while not await responds(http, f"http://127.0.0.1:{port}/api/v1/health"):
                    await sleep(0.1)


@contextmanager
def _servers(
    database: Database,
) -> Iterator[tuple[RedisServer, PostgresServer | None, Mapping[str, str]]]:
    with (
        TemporaryDirectory(prefix="pushpaka-redis-") as directory,
        open_redis_server(Path(directory)) as redis,
    ):
        redis.start()
        urls = {"PUSHPAKA_REDIS_URL": redis.url}
        if database is Database.SQLITE:
            yield redis, None, urls
            return
        with run_server() as postgres:
            postgres.make_template()
            with postgres.database() as url:
                yield redis, postgres, urls | {"PUSHPAKA_DATABASE_URL": url}


def _cluster(
    served_instance: ServedInstance, redis: RedisServer, postgres: PostgresServer | None
) -> Cluster:
    served_instance.deploys = False
    ports = (served_instance.port, free_port())
    serve = [*PROGRAM, "serve", "--no-worker"]
    return Cluster(
        served_instance=served_instance,
        ports=ports,
        apis=[
            _program(served_instance, f"api-{n}", serve, PUSHPAKA_PORT=str(port))
            for n, port in enumerate(ports, 1)
        ],
        workers=[
            _program(served_instance, f"worker-{n}", command)
            for n, command in enumerate([WORKER, LEAN_WORKER, WORKER], 1)
        ],
        redis=redis,
        postgres=postgres,
    )


def _program(
    served_instance: ServedInstance, name: str, command: Sequence[str], **env: str
) -> Program:
    return Program(
        command=command,
        directory=served_instance.directory,
        env=served_instance.environment() | env,
        log=served_instance.directory / f"{name}.log",
    )
