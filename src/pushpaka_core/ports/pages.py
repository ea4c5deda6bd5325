"""Parts of long lists."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen(kw_only=True)
class Page(Generic[T]):
    """A part of a list, with the length of the whole."""

    items: Sequence[T]
    total: int
