"""
The connection to a Docker Engine, and the location of buildx.

Blocking SDK calls run in threads. Errors are translated.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import ParamSpec, TypeVar

import docker
import httpx
import requests
from anyio import CapacityLimiter, to_thread
from attrs import define, field
from docker.errors import APIError, DockerException

from pushpaka_core.errors import PlatformFaultError, RuntimeUnavailableError

_CALL_TIMEOUT = 30
_PING_TIMEOUT = 5
_MAX_CONCURRENT_CALLS = 32
_P = ParamSpec("_P")
_T = TypeVar("_T")

_PLUGINS = tuple(
    Path(f"{place}/docker/cli-plugins/docker-buildx")
    for place in ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")
)
"""The paths at which the docker CLI looks for the buildx plug-in, in the same order."""

NO_GIT_INFO = {"BUILDX_GIT_INFO": "0"}
"""Keeps buildx from running git: the build context is not a repository."""


@define(kw_only=True)
class Engine:
    """
    A connection to one engine, through the docker SDK and, for streams, httpx.

    It connects on first use, so that commands which only read the database need no engine. Streams
    use httpx because the SDK would block a thread for each.
    """

    url: str
    streams: httpx.AsyncClient
    call_timeout: int = _CALL_TIMEOUT
    """The timeout of a call in seconds. It must be set before the client is first used."""
    _thread_limiter: CapacityLimiter = field(
        factory=lambda: CapacityLimiter(_MAX_CONCURRENT_CALLS), init=False
    )
    _connect_lock: Lock = field(factory=Lock, init=False)
    _client: docker.DockerClient | None = field(default=None, init=False)

    @property
    def client(self) -> docker.DockerClient:
        """Return the SDK's client. Blocks; only for functions that run through `call`."""
        with self._connect_lock:
            if self._client is None:
                self._client = docker.DockerClient(
                    base_url=self.url,
                    timeout=self.call_timeout,
                    max_pool_size=_MAX_CONCURRENT_CALLS,
                )
            return self._client

    async def check(self) -> None:
        """Raise RuntimeUnavailableError unless the engine answers."""
        with translated_errors():
            (await self.streams.get("/_ping", timeout=_PING_TIMEOUT)).raise_for_status()

    async def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """
        Run a blocking function in a thread.

        Raises:
            RuntimeUnavailableError: If the engine does not respond.
            PlatformFaultError: If the engine rejects the request.
        """
        if self._client is None:
            # The first call holds a lock while it connects. If the engine hangs, check() times out
            # earlier.
            await self.check()
        with translated_errors():
            return await to_thread.run_sync(
                partial(function, *args, **kwargs),
                limiter=self._thread_limiter,
                abandon_on_cancel=True,
            )

    def close(self) -> None:
        """Close the SDK's connections."""
        if self._client is not None:
            self._client.close()


@asynccontextmanager
async def open_engine(url: str) -> AsyncIterator[Engine]:
    """Open a connection to the engine at *url*, for example "unix:///var/run/docker.sock"."""
    async with _stream_client(url) as streams:
        engine = Engine(url=url, streams=streams)
        try:
            yield engine
        finally:
            engine.close()


@contextmanager
def translated_errors() -> Iterator[None]:
    """
    Translate errors of the engine.

    Raises:
        PlatformFaultError: If the engine rejects the request. The message includes the engine's
            reason.
        RuntimeUnavailableError: If the engine does not respond.
    """
    try:
        yield
    except APIError as error:
        raise PlatformFaultError(
            f"The Docker Engine rejected a request: {error.explanation}. Check the engine's log."
        ) from error
    except (DockerException, requests.RequestException, httpx.HTTPError) as error:
        raise RuntimeUnavailableError(
            "The Docker Engine is not responding. Check that it is running."
        ) from error


def stream_timeout(read_timeout: float | None = None) -> httpx.Timeout:
    """Return a timeout for streams: unlimited, or *read_timeout* seconds between two reads."""
    return httpx.Timeout(_CALL_TIMEOUT, read=read_timeout, pool=None)


def _stream_client(url: str) -> httpx.AsyncClient:
    socket = url.removeprefix("unix://")
    if socket == url:
        base = url.replace("tcp://", "http://", 1)
        return httpx.AsyncClient(base_url=base, timeout=stream_timeout(), trust_env=False)
    transport = httpx.AsyncHTTPTransport(uds=socket, limits=httpx.Limits(max_connections=None))
    return httpx.AsyncClient(
        transport=transport, base_url="http://docker", timeout=stream_timeout()
    )


def find_buildx(docker_path: Path) -> tuple[str, ...]:
    """
    Return the command that runs buildx.

    The plug-in itself is preferred, because `docker buildx` first runs every installed plug-in.
    """
    found = next((plugin for plugin in _PLUGINS if plugin.is_file()), None)
    return (str(docker_path), "buildx") if found is None else (str(found),)
