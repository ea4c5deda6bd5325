"""Continuous requests to an application, and the outcome of each."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from statistics import quantiles
from typing import Self

import httpx
import psutil
from anyio import create_task_group, current_time, fail_after, sleep, to_thread
from attrs import define, field, frozen
from docker.errors import NotFound
from docker.models.containers import Container
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.acceptance.tools.traces import processes_with
from tests.engine.engines import containers

_BODY = b"x" * 1024
_PAUSE = 0.01
_DOWNLOAD = 0.5
"""Seconds that a slow download takes."""
_TIMEOUT = 60


@frozen(kw_only=True)
class Request:
    """A request and its outcome."""

    stage: str
    """The stage of the benchmark when the request began."""
    is_slow: bool
    begun: float
    ended: float
    process: str | None
    """The process that began to respond, or None."""
    version: str | None
    failure: str | None

    @property
    def lasted(self) -> float:
        """Duration in seconds."""
        return self.ended - self.begun


@frozen(kw_only=True)
class Kill:
    """The kill of a process that served requests."""

    process: str
    begun: float
    ended: float
    """The time from which on no connection to the process was accepted."""

    def affects(self, request: Request) -> bool:
        """Return True if *request* was in progress and no other process began to respond to it."""
        is_under_way = request.begun < self.ended and request.ended > self.begun
        return is_under_way and request.process in {None, self.process}


@frozen(kw_only=True)
class StageSummary:
    """The outcome of the requests of one stage. Times are in seconds and exclude slow requests."""

    requests: int
    failed: int
    lost: int
    """Requests that were in progress in a killed process."""
    median: float
    p99: float
    longest: float


@define
class Load:
    """Visitors of one application, who send the next request after each response."""

    _http: httpx.AsyncClient
    _engines: Sequence[str]
    """The engines with the containers of the application. Empty without containers."""
    _pause: float = _PAUSE
    """Seconds between a response and the next request of the same visitor."""
    stage: str = field(default="at rest", init=False)
    requests: list[Request] = field(factory=list, init=False)
    kills: list[Kill] = field(factory=list, init=False)

    @classmethod
    @asynccontextmanager
    async def on(
        cls, person: Person, project: Json, *, readers: int = 2, pause: float = _PAUSE
    ) -> AsyncIterator[Self]:
        """
        Send requests until the block ends.

        Some visitors read, one writes, one downloads slowly.
        """
        url = f"http://127.0.0.1:{person.served_instance.router_port}"
        host = {"Host": httpx.URL(project["url"]).netloc.decode()}
        async with (
            httpx.AsyncClient(base_url=url, headers=host, timeout=_TIMEOUT, trust_env=False) as web,
            create_task_group() as visitors,
        ):
            load = cls(web, person.served_instance.engines, pause)
            for method in (*["GET"] * readers, "POST"):
                visitors.start_soon(partial(load._ask_on, method, "/"))
            visitors.start_soon(partial(load._ask_on, "GET", f"/for/{_DOWNLOAD}", is_slow=True))
            yield load
            visitors.cancel_scope.cancel()

    async def wait_for_responses(self, number: int) -> None:
        """Wait for *number* more quick responses."""
        wanted = len(self._quick(self.requests)) + number
        with fail_after(PATIENCE):
            while len(self._quick(self.requests)) < wanted:
                await sleep(_PAUSE)

    async def kill_one(self) -> None:
        """Kill a process that responds, and return when as many processes respond as before."""
        number = len(await self._answering(since=current_time()))
        victim = next(request.process for request in reversed(self.requests) if request.process)
        begun = current_time()
        await to_thread.run_sync(self._kill, victim)
        kill = Kill(process=victim, begun=begun, ended=current_time())
        self.kills.append(kill)
        with fail_after(PATIENCE):
            while len(await self._answering(since=kill.ended)) < number:
                pass

    @property
    def now(self) -> float:
        """The current time on the clock of requests and kills."""
        return current_time()

    def time_of(self, moment: datetime) -> float:
        """Return *moment* of this host on the clock of the requests."""
        return self.now - (datetime.now(UTC) - moment).total_seconds()

    @property
    def rate(self) -> float:
        """Requests per second."""
        begun, ended = self.requests[0].begun, self.requests[-1].ended
        return len(self.requests) / (ended - begun)

    @property
    def processes(self) -> set[str]:
        """All processes that have responded."""
        return {request.process for request in self.requests if request.process}

    @property
    def stages(self) -> Sequence[str]:
        """All stages in order."""
        return list(Counter(request.stage for request in self.requests))

    @property
    def versions(self) -> set[str]:
        """All versions that have responded."""
        return {request.version for request in self.requests if request.version}

    @property
    def failures(self) -> Sequence[Request]:
        """Failed requests, except those that were in progress in a killed process."""
        return [r for r in self.requests if r.failure and not self._is_lost(r)]

    @property
    def lost(self) -> Sequence[Request]:
        """Requests that failed because they were in progress in a killed process."""
        return [r for r in self.requests if r.failure and self._is_lost(r)]

    def summary(self, stage: str) -> StageSummary:
        """Summarize the requests that began in *stage*."""
        began = [request for request in self.requests if request.stage == stage]
        times = [request.lasted for request in began if not request.is_slow]
        hundredths = quantiles(times, n=100, method="inclusive")
        return StageSummary(
            requests=len(began),
            failed=sum(request.stage == stage for request in self.failures),
            lost=sum(request.stage == stage for request in self.lost),
            median=hundredths[49],
            p99=hundredths[98],
            longest=max(times),
        )

    async def _ask_on(self, method: str, path: str, *, is_slow: bool = False) -> None:
        while True:
            stage, begun = self.stage, current_time()
            process = version = failure = None
            content = _BODY if method == "POST" else None
            try:
                async with self._http.stream(method, path, content=content) as answer:
                    process = answer.headers.get("X-Process")
                    version = answer.headers.get("X-Version")
                    text = (await answer.aread()).decode()
                    if not answer.is_success or process is None:
                        failure = f"{answer.status_code} {text}"
            except httpx.HTTPError as error:
                failure = repr(error)
            self.requests.append(
                Request(
                    stage=stage, is_slow=is_slow, begun=begun, ended=current_time(),
                    process=process, version=version, failure=failure,
                )
            )  # fmt: skip
            await sleep(self._pause)

    async def _answering(self, *, since: float) -> set[str]:
        """Return the processes that have responded since *since*, after some more responses."""
        await self.wait_for_responses(20)
        return {r.process for r in self.requests if r.process and r.begun >= since}

    def _kill(self, name: str) -> None:
        """Kill a process, and return when its port accepts no more connections."""
        (process,) = processes_with(name)
        container = _container_of(process, self._engines)
        process.kill()
        process.wait(PATIENCE)
        if container is not None:
            # The engine accepts connections until it has noticed the end of the container.
            with suppress(NotFound):
                container.wait(timeout=PATIENCE)

    def _is_lost(self, request: Request) -> bool:
        return any(kill.affects(request) for kill in self.kills)

    def _quick(self, requests: Sequence[Request]) -> Sequence[Request]:
        return [r for r in requests if not r.is_slow and not r.failure]


def _container_of(process: psutil.Process, engines: Sequence[str]) -> Container | None:
    line = {process.pid, *(parent.pid for parent in process.parents())}
    running = (one for url in engines for one in containers(url))
    return next((one for one in running if one.attrs["State"]["Pid"] in line), None)
