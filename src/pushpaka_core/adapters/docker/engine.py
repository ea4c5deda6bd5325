"""The connection to a Docker Engine: blocking calls in threads, errors in our words."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from threading import Lock
from typing import ParamSpec, TypeVar

import docker
import httpx
import requests
from anyio import CapacityLimiter, to_thread
from attrs import define, field
from docker.errors import APIError, DockerException

from pushpaka_core.errors import PlatformFaultError, RuntimeUnavailableError

_CALL_SECONDS = 30
_PING_SECONDS = 5
_CALLS_AT_ONCE = 32
_P = ParamSpec("_P")
_T = TypeVar("_T")


@define(kw_only=True)
class Engine:
    """
    One engine, asked by the SDK; its streams are read without a thread for each.

    It is connected to when it is asked first, so that whoever only looks at the database
    needs none.
    """

    url: str
    streams: httpx.AsyncClient
    _threads: CapacityLimiter = field(factory=lambda: CapacityLimiter(_CALLS_AT_ONCE), init=False)
    _connecting: Lock = field(factory=Lock, init=False)
    _client: docker.DockerClient | None = field(default=None, init=False)

    @property
    def client(self) -> docker.DockerClient:
        """Return the SDK's client; blocks, and is for functions that `call` runs."""
        with self._connecting:
            if self._client is None:
                self._client = docker.DockerClient(
                    base_url=self.url, timeout=_CALL_SECONDS, max_pool_size=_CALLS_AT_ONCE
                )
            return self._client

    async def check(self) -> None:
        """Pass if the engine answers; else raise RuntimeUnavailableError."""
        with translated_errors():
            (await self.streams.get("/_ping", timeout=_PING_SECONDS)).raise_for_status()

    async def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """
        Call what blocks, in a thread.

        Raises:
            RuntimeUnavailableError: If the engine does not answer.
            PlatformFaultError: If it cannot do it.
        """
        if self._client is None:
            # Whoever connects holds the others up, and would to an engine that hangs.
            await self.check()
        with translated_errors():
            return await to_thread.run_sync(
                partial(function, *args, **kwargs), limiter=self._threads, abandon_on_cancel=True
            )

    def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            self._client.close()


@asynccontextmanager
async def open_engine(url: str) -> AsyncIterator[Engine]:
    """Prepare to speak to the engine at *url*, as in "unix:///var/run/docker.sock"."""
    async with _streams(url) as streams:
        engine = Engine(url=url, streams=streams)
        try:
            yield engine
        finally:
            engine.close()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the engine says into a PlatformFaultError, silence into an unavailable runtime."""
    try:
        yield
    except APIError as error:
        raise PlatformFaultError(f"The Docker Engine refused: {error.explanation}.") from error
    except (DockerException, requests.RequestException, httpx.HTTPError) as error:
        raise RuntimeUnavailableError("The Docker Engine does not answer.") from error


def patient(silence: float | None = None) -> httpx.Timeout:
    """Wait for output as long as it takes, or for no longer than some seconds of *silence*."""
    return httpx.Timeout(_CALL_SECONDS, read=silence, pool=None)


def _streams(url: str) -> httpx.AsyncClient:
    socket = url.removeprefix("unix://")
    if socket == url:
        base = url.replace("tcp://", "http://", 1)
        return httpx.AsyncClient(base_url=base, timeout=patient(), trust_env=False)
    transport = httpx.AsyncHTTPTransport(uds=socket, limits=httpx.Limits(max_connections=None))
    return httpx.AsyncClient(transport=transport, base_url="http://docker", timeout=patient())
