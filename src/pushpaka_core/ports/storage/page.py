"""Pagination."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a longer list of items."""

    items: Sequence[T]
    total: int
    """The number of items on all pages."""
