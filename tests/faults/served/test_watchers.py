"""A client that follows a log gets each line once, although APIs are killed meanwhile."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from itertools import cycle
from pathlib import Path as SyncPath
from signal import SIGKILL

import httpx
import pytest
from anyio import Path, create_task_group, fail_after, sleep
from attrs import define, field
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import PATIENCE, Json, Person, numbers
from tests.acceptance.tools.variants import ON_SERVERS, settings_of
from tests.faults.served.instances import FAST
from tests.served_instance import ServedInstance, open_served
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

_TALKS_ON = "while [ ! -e {gate} ]; do echo more; sleep 0.02; done; exit 4"
_KILLS = 2
"""The number of kills: one for each of the two APIs."""


@pytest.fixture(params=[ON_SERVERS])
async def instance(request: pytest.FixtureRequest) -> AsyncIterator[ServedInstance]:
    """Yield an instance whose API runs no worker, so that killing the API does not end builds."""
    with settings_of(request) as settings:
        async with open_served(**FAST, **settings) as served:
            served.deploys = False
            yield await served.start()


@define
class Watcher:
    """A client that reconnects and continues after its last line until the log is complete."""

    deployment: Json
    _token: str
    _bases: Iterator[str]
    lines: list[Json] = field(factory=list, init=False)
    is_over: bool = field(default=False, init=False)

    async def watch(self) -> None:
        """Follow the log until its end."""
        while not self.is_over:
            with suppress(OSError, EOFError, WebSocketException, httpx.TransportError):
                await self._watch_once(next(self._bases))
            await sleep(0.05)

    async def _watch_once(self, base_url: str) -> None:
        raise NotImplementedError

    @property
    def _last_seq(self) -> int:
        return self.lines[-1]["seq"] if self.lines else 0


class SocketWatcher(Watcher):
    """A client that uses WebSockets and the parameter `after`."""

    async def _watch_once(self, base_url: str) -> None:
        path = f"/logs/{self.deployment['id']}/stream?token={self._token}&after={self._last_seq}"
        async with connect(f"ws://{base_url}{path}", proxy=None) as socket:
            try:
                while True:
                    self.lines.append(json.loads(await socket.recv()))
            except ConnectionClosed:
                self.is_over = socket.close_code == 1000


class EventWatcher(Watcher):
    """A client that uses Server-Sent Events and the header `Last-Event-ID`."""

    async def _watch_once(self, base_url: str) -> None:
        url = f"http://{base_url}/logs/{self.deployment['id']}/sse"
        headers = {"Authorization": f"Bearer {self._token}"}
        if self.lines:
            headers["Last-Event-ID"] = str(self._last_seq)
        async with (
            httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http,
            http.stream("GET", url, headers=headers) as answer,
        ):
            async for text in answer.aiter_lines():
                if text == "event: end":
                    self.is_over = True
                elif text.startswith('data: {"'):
                    self.lines.append(json.loads(text.removeprefix("data: ")))


async def test_each_line_is_seen_once_while_apis_are_killed(
    instance: ServedInstance, ann: Person, repositories: SyncPath
) -> None:
    """WebSockets and event streams reconnect to one API or to two in turn, and miss no line."""
    gate = Path(repositories / "gate")
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path, build_command=_TALKS_ON.format(gate=gate))
    async with instance.worker(), instance.another_api() as other:
        deployment = await ann.begin(project)
        one, two = (f"127.0.0.1:{port}/api/v1" for port in (instance.port, other.port))
        watchers = [
            watcher(deployment, ann.token, cycle(bases))
            for watcher in (SocketWatcher, EventWatcher)
            for bases in ([one], [one, two])
        ]
        async with create_task_group() as tasks:
            for watcher in watchers:
                tasks.start_soon(watcher.watch)
            for _, victim in zip(range(_KILLS), cycle([instance, other])):
                await _wait_until_all_get_more_lines(watchers)
                await victim.stop(SIGKILL)
                await victim.start()
            await _wait_until_all_get_more_lines(watchers)
            await gate.touch()
            with fail_after(PATIENCE):
                while not all(watcher.is_over for watcher in watchers):
                    await sleep(0.05)
        written = await ann.log(deployment)

    assert [written] * len(watchers) == [watcher.lines for watcher in watchers]
    assert list(range(1, len(written) + 1)) == numbers(written)


async def _wait_until_all_get_more_lines(watchers: Sequence[Watcher]) -> None:
    seen = [len(watcher.lines) for watcher in watchers]
    with fail_after(PATIENCE):
        while any(len(w.lines) <= s for w, s in zip(watchers, seen, strict=True)):
            await sleep(0.05)
