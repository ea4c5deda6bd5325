"""Requests to the API and the router of this instance."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

import httpx
from attrs import frozen

from pushpaka_core.adapters.traefik.configuration import (
    GENERATION_HEADER,
    GENERATION_PATH,
    authority,
)
from pushpaka_core.settings.settings import Settings

_TIMEOUT = 4
"""Seconds to wait for each response."""


@frozen(kw_only=True)
class ApiHealth:
    """The response of the health endpoint of an instance."""

    version: str
    checks: Mapping[str, bool | None]

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Return the health in *document*. Raise ValueError unless it is a health response."""
        try:
            return cls(version=str(document["version"]), checks=dict(document["checks"]))
        except (KeyError, TypeError):
            raise ValueError("The response is not from a health endpoint.") from None


async def read_api_health(settings: Settings) -> ApiHealth | None:
    """
    Return the health of the API on this machine, or None if nothing listens on its port.

    Raises:
        ValueError: If another program listens on the port.
    """
    async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as http:
        try:
            response = await http.get(f"{api_url(settings)}/health")
        except httpx.TransportError:
            return None
    return ApiHealth.parse(response.json())


async def is_router_running(port: int) -> bool:
    """Return True if the router of an instance listens on the loopback port *port*."""
    with suppress(httpx.HTTPError):
        async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as http:
            response = await http.get(f"http://127.0.0.1:{port}{GENERATION_PATH}")
            return GENERATION_HEADER in response.headers
    return False


def api_url(settings: Settings) -> str:
    """Return the URL of the API on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - no bind
    return f"http://{authority(host, settings.port)}"
