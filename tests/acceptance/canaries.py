"""Secrets that are planted, and every place of an instance in which one could be found again."""

import base64
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote, quote_plus

import docker
import redis
import sqlalchemy as sa
from attrs import define, field, frozen
from tests.acceptance.traces import contents_below
from tests.redis_server import RedisServer
from tests.served import Served
from tests.swarm.holdings import held_in_a_swarm

from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.adapters.files.instance_ids import known_instance_id
from pushpaka_core.adapters.sql.engine import PATIENCE, database_at

_ESCAPED = re.compile("%..")
_OUTPUT = re.compile(r"/data/processes/[^/]+/output\.\d+")


def spellings(secret: str) -> set[bytes]:
    """Return *secret* as it may be written: of base64 what is the same whatever is beside it."""
    raw = secret.encode()
    cores = (base64.b64encode(bytes(lead) + raw)[4 * (lead > 0) : -4] for lead in range(3))
    escaped = {quote(raw), quote(raw, safe=""), quote_plus(raw)}
    small = {_ESCAPED.sub(lambda byte: byte[0].lower(), text) for text in escaped}
    texts = {secret, json.dumps(secret)[1:-1], *escaped, *small, raw.hex()}
    return {*(text.encode() for text in texts), *cores}


@define
class Ears:
    """Hears what is only there for a moment: command lines, and what goes through Redis."""

    heard: dict[str, set[bytes]] = field(factory=lambda: {"argv": set(), "redis": set()})
    _is_over: Event = field(factory=Event)

    @classmethod
    @asynccontextmanager
    async def open(cls, server: RedisServer | None) -> AsyncIterator["Ears"]:
        """Listen until the block ends."""
        ears = cls()
        threads = [Thread(target=ears._watch_processes)]
        if server is not None:
            threads.append(Thread(target=ears._listen, args=[server]))
        for thread in threads:
            thread.start()
        try:
            yield ears
        finally:
            ears._is_over.set()
            for thread in threads:
                thread.join()

    def _watch_processes(self) -> None:
        while not self._is_over.wait(0.01):
            self.heard["argv"].update(_command_lines())

    def _listen(self, server: RedisServer) -> None:
        with server.client() as client, client.pubsub() as messages:
            messages.psubscribe("*")
            while not self._is_over.is_set():
                message = messages.get_message(timeout=0.1)
                if message is not None:
                    self.heard["redis"].add(str(message["data"]).encode())
                self.heard["redis"].update(_in_redis(client))
            self.heard["redis"].update(_in_redis(client))


@frozen
class Places:
    """All that an instance leaves, by where it lies."""

    _found: Mapping[str, bytes]

    @classmethod
    def of(cls, served: Served, url: str, ears: Ears, said: Mapping[str, bytes]) -> "Places":
        """Look everywhere; *said* are answers of the API, by what was asked for."""
        return cls(
            {
                **{str(path): data for path, data in contents_below(served.directory)},
                **dict(_rows(url)),
                **{name: b"\n".join(texts) for name, texts in ears.heard.items()},
                **said,
                **dict(_in_engines(served)),
                **dict(_in_a_swarm(served) if served.runs_on_a_swarm else ()),
            }
        )

    def holding(self, secret: str) -> list[str]:
        """Return where *secret* is, however it is spelt, but for what a living program printed."""
        return [name for name in _holding(self._found, secret) if not _OUTPUT.search(name)]


def unread_output(served: Served, secret: str) -> list[int]:
    """Return what others may do to files of raw output in which *secret* is, as mode bits."""
    found = {str(path): data for path, data in contents_below(served.data_directory / "processes")}
    return [Path(name).stat().st_mode & 0o077 for name in _holding(found, secret)]


def database_url(served: Served) -> str:
    """Return the address of an instance's database."""
    file = f"sqlite:///{served.data_directory / 'pushpaka.sqlite'}"
    return served.env.get("PUSHPAKA_DATABASE_URL", file)


def _holding(found: Mapping[str, bytes], secret: str) -> list[str]:
    spelt = spellings(secret)
    return [name for name, data in found.items() if any(each in data for each in spelt)]


def _rows(url: str) -> Iterator[tuple[str, bytes]]:
    """Yield all tables, whoever has made them."""

    def read(connection: sa.Connection) -> dict[str, bytes]:
        names = sa.inspect(connection).get_table_names()
        query = 'SELECT * FROM "{}"'
        return {
            f"table {name}": b"\n".join(
                _bytes(value)
                for row in connection.execute(sa.text(query.format(name)))
                for value in row
            )
            for name in names
        }

    yield from database_at(url).work_on_schema(read, patience=PATIENCE).items()


def _command_lines() -> Iterator[bytes]:
    """Yield the arguments of all processes, those in containers included."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield path.read_bytes()


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return (value if isinstance(value, str) else json.dumps(value, default=str)).encode()


def _in_redis(client: redis.Redis) -> Iterator[bytes]:
    for key in client.scan_iter():
        yield bytes(key)
        yield client.dump(key) or b""


def _in_a_swarm(served: Served) -> Iterator[tuple[str, bytes]]:
    for name, told in held_in_a_swarm(served).items():
        yield f"{name} of the Swarm", told.encode()


def _in_engines(served: Served) -> Iterator[tuple[str, bytes]]:
    """Yield what engines know of the images and containers of an instance."""
    instance_id = known_instance_id(served.data_directory)
    assert instance_id is not None
    for url in served.engines:
        yield from _in_engine(url, Marks(instance_id.hex).filter["label"])


def _in_engine(url: str, said: str) -> Iterator[tuple[str, bytes]]:
    client = docker.DockerClient(base_url=url)
    try:
        for image in client.images.list(filters={"label": said}):
            yield f"image {image.id}", json.dumps([image.attrs, image.history()]).encode()
        for container in client.containers.list(all=True, filters={"label": said}):
            told = {k: v for k, v in container.attrs.items() if k != "Config"}
            labels = container.attrs["Config"]["Labels"]
            yield f"container {container.id}", json.dumps([told, labels]).encode()
    finally:
        client.close()
