"""The callback through which adapters report progress."""

from collections.abc import Awaitable, Callable

Reporter = Callable[[str], Awaitable[None]]
"""A callback that receives progress lines for the build log, one sentence each."""
