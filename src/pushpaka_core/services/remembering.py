"""Reads what is served again only after it has changed."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from attrs import define, field

from pushpaka_core.ports.storage import UnitOfWork

T = TypeVar("T")


@define
class Remembered(Generic[T]):
    """
    What is read of all that is served, as long as no version of it is another one.

    The versions of ten thousand applications are read in a small part of the time in which they
    are, and most of the time nothing has changed since the second before.
    """

    _read: Callable[[UnitOfWork], Awaitable[T]]
    _versions: object = field(default=None, init=False)
    _value: T | None = field(default=None, init=False)

    async def get(self, uow: UnitOfWork) -> T:
        """Return what a read would."""
        versions = await uow.versions_of_served()
        if self._value is None or versions != self._versions:
            self._value = await self._read(uow)
            self._versions = versions
        return self._value
