"""Which route table a Traefik shows that it uses."""

import httpx
from anyio import sleep
from attrs import frozen

from pushpaka_core.adapters.traefik.configuration import GENERATION_HEADER, GENERATION_PATH

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.03


@frozen
class ShownGeneration:
    """Asks one Traefik: two good answers look alike, two generations do not."""

    _client: httpx.AsyncClient

    async def now(self) -> int | None:
        """Return the generation that is shown, 0 before the first; None when nothing answers."""
        try:
            response = await self._client.get(GENERATION_PATH)
        except httpx.TransportError:
            return None
        shown = response.headers.get(GENERATION_HEADER, "")
        return int(shown) if shown.isdecimal() else None

    async def reach(self, generation: int) -> None:
        """Return as soon as *generation* or a newer one is shown."""
        pause = _FIRST_PAUSE
        while (await self.now() or 0) < generation:
            await sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
