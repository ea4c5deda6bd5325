"""Who watches a log sees each line once, though the APIs are killed again and again meanwhile."""

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
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Json, Person, numbers
from tests.acceptance.variants import VARIANTS, settings_of
from tests.served import Served, open_served
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]

_TALKS_ON = "while [ ! -e {gate} ]; do echo more; sleep 0.02; done; exit 4"
_KILLS = 3


@pytest.fixture(params=VARIANTS)
async def instance(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """Return an API that does not deploy, so that builds outlive it."""
    with settings_of(request) as settings:
        async with open_served(**OWN_ADDRESSES, **settings, PUSHPAKA_TEST_TIMING="fast") as served:
            served.deploys = False
            yield await served.start()


@define
class Watcher:
    """Somebody who comes back for what was missed, until the log is over."""

    deployment: Json
    _token: str
    _bases: Iterator[str]
    lines: list[Json] = field(factory=list, init=False)
    is_over: bool = field(default=False, init=False)

    async def watch(self) -> None:
        """See the log to its end."""
        while not self.is_over:
            with suppress(OSError, EOFError, WebSocketException, httpx.TransportError):
                await self._watch_once(next(self._bases))
            await sleep(0.05)

    async def _watch_once(self, base: str) -> None:
        raise NotImplementedError

    @property
    def _last(self) -> int:
        return self.lines[-1]["seq"] if self.lines else 0


class SocketWatcher(Watcher):
    """By WebSocket, with `after`."""

    async def _watch_once(self, base: str) -> None:
        path = f"/logs/{self.deployment['id']}/stream?token={self._token}&after={self._last}"
        async with connect(f"ws://{base}{path}", proxy=None) as socket:
            try:
                while True:
                    self.lines.append(json.loads(await socket.recv()))
            except ConnectionClosed:
                self.is_over = socket.close_code == 1000


class EventWatcher(Watcher):
    """By Server-Sent Events, with `Last-Event-ID`."""

    async def _watch_once(self, base: str) -> None:
        url = f"http://{base}/logs/{self.deployment['id']}/sse"
        headers = {"Authorization": f"Bearer {self._token}"}
        if self.lines:
            headers["Last-Event-ID"] = str(self._last)
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
    instance: Served, ann: Person, repositories: SyncPath
) -> None:
    """By WebSocket and by events, from one API that comes back, or from two in turn."""
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
                await _until_each_has_seen_more(watchers)
                await victim.stop(SIGKILL)
                await victim.start()
            await _until_each_has_seen_more(watchers)
            await gate.touch()
            with fail_after(PATIENCE):
                while not all(watcher.is_over for watcher in watchers):
                    await sleep(0.05)
        written = await ann.log(deployment)

    assert [written] * len(watchers) == [watcher.lines for watcher in watchers]
    assert list(range(1, len(written) + 1)) == numbers(written)


async def _until_each_has_seen_more(watchers: Sequence[Watcher]) -> None:
    seen = [len(watcher.lines) for watcher in watchers]
    with fail_after(PATIENCE):
        while any(len(w.lines) <= s for w, s in zip(watchers, seen, strict=True)):
            await sleep(0.05)
