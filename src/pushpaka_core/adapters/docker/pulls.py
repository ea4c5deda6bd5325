"""Fetches the images that plans stand on: once, in sight, and never without end."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import httpx
from anyio import current_time
from attrs import define, field, frozen
from docker.errors import ImageNotFound

from pushpaka_core.adapters.docker.engine import Engine, translated_errors
from pushpaka_core.adapters.docker.registries import SILENT, plan_failure

Report = Callable[[str], Awaitable[None]]

_PAUSE = 5
"""Seconds between two sentences about the same image."""
_CONNECT_SECONDS = 30


@define
class Fetched:
    """How much of an image is here, by its layers."""

    _bytes: dict[str, tuple[int, int]] = field(factory=dict, init=False)

    def take(self, status: dict[str, Any]) -> None:
        """Note what the engine says of one layer."""
        detail = status.get("progressDetail") or {}
        if status.get("status") == "Downloading" and detail.get("total"):
            self._bytes[status["id"]] = (detail["current"], detail["total"])
        elif status.get("status") == "Download complete" and status["id"] in self._bytes:
            self._bytes[status["id"]] = (self._bytes[status["id"]][1],) * 2

    def __str__(self) -> str:
        current, total = (sum(each[n] for each in self._bytes.values()) for n in (0, 1))
        return f"{current >> 20} of {total >> 20} MiB"


@frozen(kw_only=True)
class Pulls:
    """Leaves images in the engine, so that the next builds need no registry."""

    engine: Engine
    silence_seconds: float
    """How long a registry may say nothing."""

    async def ensure(self, image: str, report: Report) -> None:
        """
        Fetch *image* unless it is there.

        Raises:
            BuildError: If it cannot be had, with its name and what to do.
        """
        if await self.engine.call(self._is_there, image):
            return
        await report(f"Fetching the image {image}, which is kept for the next builds")
        fetched, begun = Fetched(), current_time()
        due = begun + _PAUSE
        async with aclosing(self._statuses(image)) as statuses:
            async for status in statuses:
                fetched.take(status)
                if current_time() >= due:
                    await report(f"{image}: {fetched}")
                    due = current_time() + _PAUSE
        await report(f"{image} is here ({current_time() - begun:.1f} s)")

    async def _statuses(self, image: str) -> AsyncGenerator[dict[str, Any], None]:
        """Yield what the engine says of a pull until it is done."""
        patience = httpx.Timeout(_CONNECT_SECONDS, read=self.silence_seconds)
        params = {"fromImage": image}
        with translated_errors():
            try:
                async with self.engine.streams.stream(
                    "POST", "/images/create", params=params, timeout=patience
                ) as response:
                    if response.is_error:
                        raise plan_failure(image, json.loads(await response.aread())["message"])
                    async for line in response.aiter_lines():
                        status = json.loads(line)
                        if error := status.get("error"):
                            raise plan_failure(image, error)
                        yield status
            except httpx.ReadTimeout:
                await self.engine.check()
                raise plan_failure(image, SILENT) from None

    def _is_there(self, image: str) -> bool:
        try:
            self.engine.client.images.get(image)
        except ImageNotFound:
            return False
        return True
