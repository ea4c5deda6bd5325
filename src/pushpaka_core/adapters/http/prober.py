"""Runs health checks over the network, as a visitor would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
from anyio import (
    BrokenResourceError,
    CapacityLimiter,
    EndOfStream,
    connect_tcp,
    fail_after,
    move_on_after,
)
from anyio.abc import SocketStream
from attrs import field, frozen

from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.ports.runtime import ProbeRequest

_MAX_CONCURRENT = 100
_MAX_BODY_BYTES = 64 * 1024
_BODY_SECONDS = 0.5
_CLOSED = "the app closed the connection without a response"


@asynccontextmanager
async def open_http_prober() -> AsyncIterator["HttpProber"]:
    """Yield a prober that opens a new connection for each probe."""
    limits = httpx.Limits(max_keepalive_connections=0, max_connections=None)
    async with httpx.AsyncClient(limits=limits, trust_env=False, verify=False) as client:  # noqa: S501
        yield HttpProber(client)


@frozen
class HttpProber:
    """
    Sends a GET request and checks the status, or only opens a TCP connection.

    At most 100 probes run at once. A probe's timeout starts when it has a slot, so that
    unresponsive applications do not affect other probes.
    """

    _client: httpx.AsyncClient
    _slots: CapacityLimiter = field(factory=lambda: CapacityLimiter(_MAX_CONCURRENT))

    async def probe(self, probe_request: ProbeRequest, /) -> str | None:
        """Run one probe and return why it failed, or None."""
        async with self._slots:
            if probe_request.check is HealthCheck.TCP:
                return await _connect(probe_request)
            return await self._request(probe_request)

    async def _request(self, probe_request: ProbeRequest) -> str | None:
        path = probe_request.path or "/"
        try:
            with fail_after(probe_request.timeout.total_seconds()):
                status = await self._status(probe_request, path)
        except (TimeoutError, httpx.TimeoutException):
            seconds = probe_request.timeout.total_seconds()
            return f"the app did not respond to GET {path} within {seconds:g} s"
        except httpx.ConnectError:
            return _refused_message(probe_request)
        except httpx.NetworkError:
            return _CLOSED
        except httpx.TransportError as error:
            # httpx raises the same exception for an invalid response and for none at all.
            is_closed = "disconnected" in str(error)
            return _CLOSED if is_closed else f"the response to GET {path} is not HTTP"
        healthy = range(200, 400) if probe_request.path else range(100, 500)
        return None if status in healthy else f"the app responded with {status} to GET {path}"

    async def _status(self, probe_request: ProbeRequest, path: str) -> int:
        async with self._client.stream(
            "GET",
            f"http://{probe_request.host}:{probe_request.port}{path}",
            headers=_headers(probe_request),
            timeout=probe_request.timeout.total_seconds(),
        ) as response:
            await _discard_body(response)
            return response.status_code


async def _discard_body(response: httpx.Response) -> None:
    """
    Read the body, unless it is large or slow.

    If a connection is closed with unread data, the kernel resets it, and some servers log that as
    an error on each probe.
    """
    with move_on_after(_BODY_SECONDS), suppress(httpx.TransportError):
        async for _ in response.aiter_raw():
            if response.num_bytes_downloaded > _MAX_BODY_BYTES:
                return


def _headers(probe_request: ProbeRequest) -> dict[str, str]:
    """Return the headers that the router adds. Some applications fail only with these headers."""
    return {
        "Host": probe_request.host_header,
        "User-Agent": "Pushpaka-Probe",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Host": probe_request.host_header,
        "X-Forwarded-Proto": "http",
        "X-Real-Ip": "127.0.0.1",
    }


async def _connect(probe_request: ProbeRequest) -> str | None:
    try:
        with fail_after(probe_request.timeout.total_seconds()):
            stream = await connect_tcp(probe_request.host, probe_request.port)
    except (OSError, TimeoutError):
        return _refused_message(probe_request)
    async with stream:
        if await _stays_open(stream, probe_request.min_open_time.total_seconds()):
            return None
    return (
        f"the app did not keep a connection open for "
        f"{probe_request.min_open_time.total_seconds():g} s"
    )


async def _stays_open(stream: SocketStream, seconds: float) -> bool:
    try:
        with move_on_after(seconds):
            while True:
                await stream.receive()
    except (EndOfStream, BrokenResourceError):
        return False
    return True


def _refused_message(probe_request: ProbeRequest) -> str:
    return (
        f"port {probe_request.port} of {probe_request.host} (PORT and HOST) refuses "
        f"IPv4 connections"
    )
