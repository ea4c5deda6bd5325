"""How lists look, and what is said where there is nothing to show."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen(kw_only=True, slots=False)
class ListResponse(Generic[T]):
    """All there is."""

    data: Sequence[T]


@frozen(kw_only=True, slots=False)
class PageResponse(Generic[T]):
    """A part of a list, with its place in the whole."""

    data: Sequence[T]
    total: int
    limit: int
    offset: int


@frozen(kw_only=True, slots=False)
class MessageResponse:
    """What was done, where nothing is left to show."""

    message: str
