"""Reads the generation of the route table that a Traefik server uses."""

import httpx
from anyio import sleep
from attrs import frozen

from pushpaka_core.adapters.traefik.configuration import GENERATION_HEADER, GENERATION_PATH

_MIN_POLL_SECONDS = 0.01
_MAX_POLL_SECONDS = 0.03


@frozen
class GenerationProbe:
    """
    Polls the generation endpoint of one Traefik server.

    The generation distinguishes new route tables from old ones. A successful response alone would
    not.
    """

    _client: httpx.AsyncClient

    async def current(self) -> int | None:
        """Return the generation in use, 0 before the first table, or None without a response."""
        try:
            response = await self._client.get(GENERATION_PATH)
        except httpx.TransportError:
            return None
        shown = response.headers.get(GENERATION_HEADER, "")
        return int(shown) if shown.isdecimal() else None

    async def wait_for(self, generation: int) -> None:
        """Wait until *generation* or a newer one is in use. Has no time limit."""
        pause = _MIN_POLL_SECONDS
        while (await self.current() or 0) < generation:
            await sleep(pause)
            pause = min(pause * 1.5, _MAX_POLL_SECONDS)
