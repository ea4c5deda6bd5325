"""A cache for data that is derived from the active deployments."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from attrs import define, field

from pushpaka_core.ports.storage.storage import UnitOfWork

T = TypeVar("T")


@define
class VersionedCache(Generic[T]):
    """
    Caches the result of *load* until a version of the underlying rows changes.

    Reading the versions of ten thousand applications takes a small fraction of the time of reading
    the rows, which usually have not changed since the previous second.
    """

    _load: Callable[[UnitOfWork], Awaitable[T]]
    _versions: object = field(default=None, init=False)
    _value: T | None = field(default=None, init=False)

    async def get(self, uow: UnitOfWork) -> T:
        """Return the current value. Reload it if it is out of date."""
        versions = await uow.supervision_version()
        if self._value is None or versions != self._versions:
            self._value = await self._load(uow)
            self._versions = versions
        return self._value
