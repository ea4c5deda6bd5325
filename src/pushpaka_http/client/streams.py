"""Types of streams, and the item that marks a new connection."""

from collections.abc import AsyncGenerator, Generator
from typing import TypeAlias, TypeVar

from attrs import frozen

T = TypeVar("T")

# Generators, because a loop that leaves a stream early has to close it.
AsyncStream: TypeAlias = AsyncGenerator[T, None]
Stream: TypeAlias = Generator[T, None, None]


@frozen
class Ready:
    """Marks a new connection. Changes may have been missed, so reload the current state."""
