"""Where tests let something go wrong in the midst of a deployment."""

from typing import Protocol


class Failpoints(Protocol):
    """Named places on the way of a deployment, at which nothing happens but in tests."""

    async def reach(self, step: str, /) -> None:
        """Return at once, unless a test has set something for *step*: see `Failpoint`."""
