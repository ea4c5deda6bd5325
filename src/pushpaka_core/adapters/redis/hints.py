"""What processes tell each other: which thing to look at in the database, and nothing of it."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Self
from uuid import UUID

from attrs import frozen

_NOTHING = UUID(int=0)


class HintKind(StrEnum):
    """What there is to see."""

    QUEUED = "queued"
    """A project has a deployment to claim."""
    LINES = "lines"
    """A deployment has said more."""
    MOVED = "moved"
    """A deployment is in another state."""
    MISSED = "missed"
    """Hints were lost; everything may have changed."""


@frozen
class Hint:
    """Tells where to look. One that is lost or comes twice does no harm."""

    kind: HintKind
    id: UUID = _NOTHING

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the hint that *text* is; ValueError for what other versions or strangers say."""
        kind, subject = text.split(" ")
        return cls(HintKind(kind), UUID(subject))

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


MISSED = Hint(HintKind.MISSED)

Hear = Callable[[Hint], Awaitable[None]]
"""Takes what another process has told."""
