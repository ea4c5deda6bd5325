"""Searches all data of an instance for planted secrets."""

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
from tests.acceptance.tools.traces import contents_below
from tests.served_instance import ServedInstance
from tests.servers.redis import RedisServer
from tests.swarm.resources import swarm_resources

from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.adapters.files.instance_ids import read_instance_id
from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, database_at

_ESCAPED = re.compile("%..")
_OUTPUT = re.compile(r"/data/processes/[^/]+/output\.\d+")


def encodings_of(secret: str) -> set[bytes]:
    """
    Return the encodings of *secret*. For base64, return only the part that does not depend on
    context.
    """
    raw = secret.encode()
    cores = (base64.b64encode(bytes(lead) + raw)[4 * (lead > 0) : -4] for lead in range(3))
    escaped = {quote(raw), quote(raw, safe=""), quote_plus(raw)}
    small = {_ESCAPED.sub(lambda byte: byte[0].lower(), text) for text in escaped}
    texts = {secret, json.dumps(secret)[1:-1], *escaped, *small, raw.hex()}
    return {*(text.encode() for text in texts), *cores}


@define
class TransientDataRecorder:
    """Records short-lived data: command lines, Redis messages and Redis keys."""

    recorded_data: dict[str, set[bytes]] = field(factory=lambda: {"argv": set(), "redis": set()})
    _is_over: Event = field(factory=Event)

    @classmethod
    @asynccontextmanager
    async def open(cls, server: RedisServer | None) -> AsyncIterator["TransientDataRecorder"]:
        """Record short-lived data until the block ends."""
        recorder = cls()
        threads = [Thread(target=recorder._record_command_lines)]
        if server is not None:
            threads.append(Thread(target=recorder._record_redis, args=[server]))
        for thread in threads:
            thread.start()
        try:
            yield recorder
        finally:
            recorder._is_over.set()
            for thread in threads:
                thread.join()

    def _record_command_lines(self) -> None:
        while not self._is_over.wait(0.01):
            self.recorded_data["argv"].update(_command_lines())

    def _record_redis(self, server: RedisServer) -> None:
        with server.client() as client, client.pubsub() as messages:
            messages.psubscribe("*")
            while not self._is_over.is_set():
                message = messages.get_message(timeout=0.1)
                if message is not None:
                    self.recorded_data["redis"].add(str(message["data"]).encode())
                self.recorded_data["redis"].update(_redis_data(client))
            self.recorded_data["redis"].update(_redis_data(client))


@frozen
class InstanceData:
    """All data of an instance, by the place that contains it."""

    _data_by_place: Mapping[str, bytes]

    @classmethod
    def of(
        cls,
        served_instance: ServedInstance,
        storage_url: str,
        recorder: TransientDataRecorder,
        responses: Mapping[str, bytes],
    ) -> "InstanceData":
        """Collect the data from all places. *responses* has the API's responses, by path."""
        return cls(
            {
                **{str(path): data for path, data in contents_below(served_instance.directory)},
                **dict(_table_contents(storage_url)),
                **{name: b"\n".join(texts) for name, texts in recorder.recorded_data.items()},
                **responses,
                **dict(_all_engine_data(served_instance)),
                **dict(_swarm_data(served_instance) if served_instance.runs_on_a_swarm else ()),
            }
        )

    def places_with(self, secret: str) -> list[str]:
        """
        Return the places that contain *secret* in any encoding, except the raw output of running
        programs.
        """
        return [
            name
            for name in _names_containing(self._data_by_place, secret)
            if not _OUTPUT.search(name)
        ]


def unread_output(served_instance: ServedInstance, secret: str) -> list[int]:
    """Return other users' permission bits on each raw output file that contains *secret*."""
    found = {
        str(path): data
        for path, data in contents_below(served_instance.data_directory / "processes")
    }
    return [Path(name).stat().st_mode & 0o077 for name in _names_containing(found, secret)]


def database_url(served_instance: ServedInstance) -> str:
    """Return the URL of an instance's database."""
    file = f"sqlite:///{served_instance.data_directory / 'pushpaka.sqlite'}"
    return served_instance.env.get("PUSHPAKA_DATABASE_URL", file)


def _names_containing(data_by_name: Mapping[str, bytes], secret: str) -> list[str]:
    encodings = encodings_of(secret)
    return [name for name, data in data_by_name.items() if any(each in data for each in encodings)]


def _table_contents(storage_url: str) -> Iterator[tuple[str, bytes]]:
    """Yield the content of each table."""

    def read(connection: sa.Connection) -> dict[str, bytes]:
        names = sa.inspect(connection).get_table_names()
        query = 'SELECT * FROM "{}"'
        return {
            f"table {name}": b"\n".join(
                _encode_value(value)
                for row in connection.execute(sa.text(query.format(name)))
                for value in row
            )
            for name in names
        }

    yield from (
        database_at(storage_url).run_with_schema_lock(read, wait_timeout=WAIT_TIMEOUT).items()
    )


def _command_lines() -> Iterator[bytes]:
    """Yield the arguments of all processes, including those in containers."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield path.read_bytes()


def _encode_value(value: object) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return (value if isinstance(value, str) else json.dumps(value, default=str)).encode()


def _redis_data(client: redis.Redis) -> Iterator[bytes]:
    for key in client.scan_iter():
        yield bytes(key)
        yield client.dump(key) or b""


def _swarm_data(served_instance: ServedInstance) -> Iterator[tuple[str, bytes]]:
    for name, description in swarm_resources(served_instance).items():
        yield f"{name} of the Swarm", description.encode()


def _all_engine_data(served_instance: ServedInstance) -> Iterator[tuple[str, bytes]]:
    """Yield the metadata of the instance's images and containers."""
    instance_id = read_instance_id(served_instance.data_directory)
    assert instance_id is not None
    for url in served_instance.engines:
        yield from _engine_data(url, Labels(instance_id.hex).filter["label"])


def _engine_data(url: str, label: str) -> Iterator[tuple[str, bytes]]:
    client = docker.DockerClient(base_url=url)
    try:
        for image in client.images.list(filters={"label": label}):
            yield f"image {image.id}", json.dumps([image.attrs, image.history()]).encode()
        for container in client.containers.list(all=True, filters={"label": label}):
            attributes = {k: v for k, v in container.attrs.items() if k != "Config"}
            labels = container.attrs["Config"]["Labels"]
            yield f"container {container.id}", json.dumps([attributes, labels]).encode()
    finally:
        client.close()
