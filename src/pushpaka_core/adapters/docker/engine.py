"""The connection to a Docker Engine: blocking calls in threads, errors in our words."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

import docker
import httpx
import requests
from anyio import CapacityLimiter, to_thread
from attrs import field, frozen
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from pushpaka_core.errors import PlatformFaultError, SettingsError

_CALL_SECONDS = 30
_CALLS_AT_ONCE = 32
_P = ParamSpec("_P")
_T = TypeVar("_T")


@frozen(kw_only=True)
class Engine:
    """One engine, asked by the SDK; its streams are read without a thread for each."""

    client: docker.DockerClient
    streams: httpx.AsyncClient
    _threads: CapacityLimiter = field(factory=lambda: CapacityLimiter(_CALLS_AT_ONCE))

    async def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """
        Call what blocks, in a thread.

        Raises:
            PlatformFaultError: If the engine does not answer or cannot do it.
        """
        with translated_errors():
            return await to_thread.run_sync(
                partial(function, *args, **kwargs), limiter=self._threads, abandon_on_cancel=True
            )


@asynccontextmanager
async def open_engine(url: str) -> AsyncIterator[Engine]:
    """
    Connect to the engine at *url*, as in "unix:///var/run/docker.sock".

    Raises:
        SettingsError: If none answers there.
    """
    limiter = CapacityLimiter(_CALLS_AT_ONCE)
    try:
        client = await to_thread.run_sync(_connected, url)
    except (DockerException, requests.RequestException) as error:
        raise SettingsError(
            "No Docker Engine answers. Start one, point DOCKER_HOST at it,"
            f" or set PUSHPAKA_RUNTIME=process. ({_first_line(error)})"
        ) from None
    try:
        async with _streams(url) as streams:
            yield Engine(client=client, streams=streams, threads=limiter)
    finally:
        client.close()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what the engine says, or that it says nothing, into a PlatformFaultError."""
    try:
        yield
    except APIError as error:
        raise PlatformFaultError(f"The Docker Engine refused: {error.explanation}.") from error
    except (DockerException, requests.RequestException) as error:
        raise PlatformFaultError("The Docker Engine does not answer.") from error


def is_missing(error: BaseException) -> bool:
    """Tell whether a fault is only that something is not there (any more)."""
    return isinstance(error.__cause__, NotFound | ImageNotFound)


def _connected(url: str) -> docker.DockerClient:
    client = docker.DockerClient(base_url=url, timeout=_CALL_SECONDS, max_pool_size=_CALLS_AT_ONCE)
    client.ping()
    return client


def _streams(url: str) -> httpx.AsyncClient:
    socket = url.removeprefix("unix://")
    if socket == url:
        base = url.replace("tcp://", "http://", 1)
        return httpx.AsyncClient(base_url=base, timeout=_patient(), trust_env=False)
    transport = httpx.AsyncHTTPTransport(uds=socket, limits=httpx.Limits(max_connections=None))
    return httpx.AsyncClient(transport=transport, base_url="http://docker", timeout=_patient())


def _patient() -> httpx.Timeout:
    """Wait for output as long as it takes."""
    return httpx.Timeout(_CALL_SECONDS, read=None, pool=None)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
