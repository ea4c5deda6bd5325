"""A messenger that sends nothing."""

from collections.abc import Collection

from attrs import define, field

from pushpaka_core.errors import PushpakaError


@define
class MemoryMessenger:
    """Remembers what it was to tell: addresses, titles and texts."""

    is_installed: bool = True
    unknown_schemes: Collection[str] = ("no",)
    failures: list[PushpakaError] = field(factory=list)
    """What the next calls raise, one after the other."""
    told: list[tuple[str, str, str]] = field(factory=list, init=False)

    async def understands(self, url: str, /) -> bool:
        """Tell whether it was told that there is no such service."""
        return url.partition("://")[0] not in self.unknown_schemes

    async def tell(self, url: str, /, *, title: str, text: str) -> None:
        """Take it, unless it was told to fail."""
        if self.failures:
            raise self.failures.pop(0)
        self.told.append((url, title, text))
