"""Probes by HTTP, from outside the application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from anyio import CapacityLimiter, fail_after
from attrs import field, frozen

from pushpaka_core.ports.prober import Probe

_MOST_AT_ONCE = 100


@asynccontextmanager
async def open_http_prober() -> AsyncIterator["HttpProber"]:
    """Open a prober; each probe takes a connection of its own, as a new visitor does."""
    limits = httpx.Limits(max_keepalive_connections=0, max_connections=None)
    async with httpx.AsyncClient(limits=limits, trust_env=False, verify=False) as client:  # noqa: S501
        yield HttpProber(client)


@frozen
class HttpProber:
    """
    Sends one GET and judges the answer's head, which must come whole in time.

    Only so many ask at once. The time of who waits for others has not begun yet:
    programs that are silent do not make their neighbours seem so.
    """

    _client: httpx.AsyncClient
    _places: CapacityLimiter = field(factory=lambda: CapacityLimiter(_MOST_AT_ONCE))

    async def probe(self, probe: Probe, /) -> str | None:
        """Ask once."""
        async with self._places:
            return await self._ask(probe)

    async def _ask(self, probe: Probe) -> str | None:
        path = probe.path or "/"
        try:
            with fail_after(probe.timeout.total_seconds()):
                status = await self._status(probe, path)
        except (TimeoutError, httpx.TimeoutException):
            return f"it does not answer to GET {path} within {probe.timeout.total_seconds():g} s"
        except httpx.ConnectError:
            place = f"port {probe.port} of {probe.host}"
            return f"{place}, which PORT and HOST name, refuses connections"
        except httpx.TransportError:
            return None if probe.path is None else f"its answer to GET {path} is no HTTP"
        healthy = range(200, 400) if probe.path else range(100, 500)
        return None if status in healthy else f"it answers {status} to GET {path}"

    async def _status(self, probe: Probe, path: str) -> int:
        async with self._client.stream(
            "GET",
            f"http://{probe.host}:{probe.port}{path}",
            headers={"Host": probe.host_header, "User-Agent": "Pushpaka-Probe"},
            timeout=probe.timeout.total_seconds(),
        ) as response:
            return response.status_code
