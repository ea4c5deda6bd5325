"""What yields one thing after the other as it comes, and is closed when it is left early."""

from collections.abc import AsyncGenerator, Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

AsyncStream: TypeAlias = AsyncGenerator[T, None]
Stream: TypeAlias = Generator[T, None, None]
