"""A poster that sends nothing."""

from collections.abc import Mapping

from attrs import define, field, frozen

from pushpaka_core.errors import PushpakaError


@frozen(kw_only=True)
class Posted:
    """Something that would have been sent."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@define
class MemoryPoster:
    """Remembers what it was to send."""

    failures: list[PushpakaError] = field(factory=list)
    """What the next calls raise, one after the other."""
    posted: list[Posted] = field(factory=list, init=False)

    async def post(self, url: str, /, *, headers: Mapping[str, str], body: bytes) -> None:
        """Take it, unless it was told to fail."""
        if self.failures:
            raise self.failures.pop(0)
        self.posted.append(Posted(url=url, headers=headers, body=body))
