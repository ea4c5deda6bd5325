"""
Hints between processes. A hint refers to rows of the database, but contains
none of their data.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Self
from uuid import UUID

from attrs import frozen

_NO_ID = UUID(int=0)


class HintKind(StrEnum):
    """The kind of change that a hint reports."""

    QUEUED = "queued"
    """A project has a deployment in the queue."""
    LINES = "lines"
    """A deployment has new log lines."""
    CHANGED = "moved"
    """The status of a deployment has changed."""
    MISSED = "missed"
    """Hints were lost. Anything may have changed."""


@frozen
class Hint:
    """A hint to read something from the database. Losing or repeating one is harmless."""

    kind: HintKind
    id: UUID = _NO_ID

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a hint. Raise ValueError for hints of other versions and anything else."""
        kind, subject = text.split(" ")
        return cls(HintKind(kind), UUID(subject))

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


MISSED = Hint(HintKind.MISSED)

HintHandler = Callable[[Hint], Awaitable[None]]
"""A function that handles a hint from another process."""
