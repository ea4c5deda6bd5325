"""Pulls images, with progress reports and a timeout."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import httpx
from anyio import current_time
from attrs import define, field, frozen
from docker.errors import ImageNotFound

from pushpaka_core.adapters.docker.engine import Engine, translated_errors
from pushpaka_core.adapters.docker.pull_errors import NO_ANSWER, plan_image_error
from pushpaka_core.errors import DeploymentFailedError
from pushpaka_core.ports.progress import Reporter

_REPORT_INTERVAL = 5
"""Seconds between two progress messages about the same image."""
_CONNECT_TIMEOUT = 30


@define
class PullProgress:
    """Download progress of an image, summed over its layers."""

    _bytes: dict[str, tuple[int, int]] = field(factory=dict, init=False)

    def update(self, status: dict[str, Any]) -> None:
        """Record a status message about one layer."""
        detail = status.get("progressDetail") or {}
        if status.get("status") == "Downloading" and detail.get("total"):
            self._bytes[status["id"]] = (detail["current"], detail["total"])
        elif status.get("status") == "Download complete" and status["id"] in self._bytes:
            self._bytes[status["id"]] = (self._bytes[status["id"]][1],) * 2

    def __str__(self) -> str:
        current, total = (sum(each[n] for each in self._bytes.values()) for n in (0, 1))
        return f"{current >> 20} of {total >> 20} MiB"


@frozen(kw_only=True)
class ImagePuller:
    """Pulls images to the engine."""

    engine: Engine
    registry_timeout: float
    """Seconds without data from the registry after which a pull fails."""
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    """Headers for the engine, which contain the credentials of the registry."""
    error_of: Callable[[str, str], DeploymentFailedError] = plan_image_error
    """
    A function that returns the error for an image that cannot be pulled, from the name of the image
    and the message of the engine.
    """

    async def ensure(self, image: str, report: Reporter) -> None:
        """
        Pull *image* unless the engine has it.

        Raises:
            DeploymentFailedError: If it cannot be pulled, with the reason and a remedy.
        """
        if await self.engine.call(self._exists, image):
            return
        await report(f"Pulling the image {image}. Later builds reuse it.")
        await self.pull(image, report)

    async def pull(self, image: str, report: Reporter) -> None:
        """
        Pull *image*, and report the progress every few seconds.

        Raises:
            DeploymentFailedError: If it cannot be pulled, with the reason and a remedy.
        """
        fetched, started_at = PullProgress(), current_time()
        due = started_at + _REPORT_INTERVAL
        async with aclosing(self._statuses(image)) as statuses:
            async for status in statuses:
                fetched.update(status)
                if current_time() >= due:
                    await report(f"{image}: {fetched}")
                    due = current_time() + _REPORT_INTERVAL
        await report(f"Pulled {image} ({current_time() - started_at:.1f} s)")

    async def _statuses(self, image: str) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the status messages of a pull until it is complete."""
        patience = httpx.Timeout(_CONNECT_TIMEOUT, read=self.registry_timeout)
        params = {"fromImage": image}
        with translated_errors():
            try:
                async with self.engine.streams.stream(
                    "POST",
                    "/images/create",
                    params=params,
                    headers=self.headers,
                    timeout=patience,
                ) as response:
                    if response.is_error:
                        message = json.loads(await response.aread())["message"]
                        raise self.error_of(image, message)
                    async for line in response.aiter_lines():
                        status = json.loads(line)
                        if error := status.get("error"):
                            raise self.error_of(image, error)
                        yield status
            except httpx.ReadTimeout:
                await self.engine.check()
                raise self.error_of(image, NO_ANSWER) from None

    def _exists(self, image: str) -> bool:
        try:
            self.engine.client.images.get(image)
        except ImageNotFound:
            return False
        return True
