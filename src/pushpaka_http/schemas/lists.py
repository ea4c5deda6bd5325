"""Response bodies for lists, pages and plain messages."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen(kw_only=True, slots=False)
class ListResponse(Generic[T]):
    """A complete list."""

    data: Sequence[T]
    """All items."""


@frozen(kw_only=True, slots=False)
class PageResponse(Generic[T]):
    """One page of a list, with the total number of items."""

    data: Sequence[T]
    """The items of the page."""
    total: int
    """Number of items on all pages."""
    limit: int
    """Maximum number of items on a page, 1 to 100."""
    offset: int
    """Number of items before the page."""


@frozen(kw_only=True, slots=False)
class MessageResponse:
    """A confirmation of an action that returns no object."""

    message: str
    """What was done, in a sentence."""
