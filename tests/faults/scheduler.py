"""Runs tasks one transaction at a time, and makes transactions fail."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from enum import Enum
from math import inf
from typing import Any

from anyio import Event, move_on_after
from anyio.lowlevel import checkpoint
from attrs import define, field

from pushpaka_core.errors import PushpakaError, StorageUnavailableError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork

_CHECKPOINTS = 20
"""How often other tasks, such as child tasks, may run at the end of a step."""
_STEP_SECONDS = 1.0


class Outage(Enum):
    """The way in which a transaction fails."""

    REFUSED = "refused"
    BROKEN = "broken"
    """The transaction fails at its end, and is rolled back."""
    ANSWER_LOST = "answer lost"
    """The transaction is committed, but the caller gets an error."""


@define(eq=False)
class SteppedTask:
    """A task that waits for a permit before each of its transactions."""

    task: asyncio.Task[None] | None = None
    error: Exception | None = None
    _permits: float = 0
    _waiting: int = 0
    _open: int = 0
    _changed: Event = field(factory=Event)

    @property
    def is_over(self) -> bool:
        """Return True if the task has ended or was never started."""
        return self.task is None or self.task.done()

    def begin(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start *function* in a task, which pauses before its first transaction."""
        self.task = asyncio.get_running_loop().create_task(self._run(function))

    async def step(self, count: float) -> None:
        """Permit *count* transactions, and return when the task pauses again or has ended."""
        self._permits = count
        self._notify()
        with move_on_after(_STEP_SECONDS):
            while not (self.is_over or self._is_paused):
                await self._changed.wait()
            for _ in range(_CHECKPOINTS):
                await checkpoint()
        self._permits = 0

    async def end(self) -> None:
        """Cancel the task, and let it finish its cleanup."""
        if self.task is not None and not self.task.done():
            self._permits = inf
            self.task.cancel()
            self._notify()
            await asyncio.wait([self.task])

    async def take_permit(self) -> None:
        """Wait for a permit for one transaction, and use it up."""
        self._waiting += 1
        self._notify()
        try:
            while self._permits <= 0:
                await self._changed.wait()
            self._permits -= 1
        finally:
            self._waiting -= 1

    def count_open(self, change: int) -> None:
        """Add *change*, 1 or -1, to the number of open transactions."""
        self._open += change
        self._notify()

    @property
    def _is_paused(self) -> bool:
        return self._permits <= 0 and self._waiting > 0 and self._open == 0

    async def _run(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        _current.set(self)
        try:
            await function()
        except PushpakaError as error:
            self.error = error
        finally:
            self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = Event()


_current: ContextVar[SteppedTask | None] = ContextVar("_current", default=None)


@define
class SteppedStorage:
    """A storage that pauses stepped tasks, and whose transactions can fail."""

    inner: Storage
    is_atomic: Callable[[], bool] = bool
    """Returns True while the current task holds a platform lock and must not pause."""
    _outage: tuple[Outage, int] | None = field(default=None, init=False)

    def plan(self, outage: Outage, *, after: int) -> None:
        """Make a transaction fail, once *after* transactions have succeeded."""
        self._outage = outage, after

    def recover(self) -> None:
        """Cancel the planned failure."""
        self._outage = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """Pause, then open a transaction, which fails if the planned failure is due."""
        async with self._pause_task():
            outage = self._due_outage()
            if outage is Outage.REFUSED:
                raise _unavailable_error()
            async with self.inner.transaction() as uow:
                yield uow
                if outage is Outage.BROKEN:
                    raise _unavailable_error()
            if outage is Outage.ANSWER_LOST:
                raise _unavailable_error()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[UnitOfWork]:
        """Pause, then open a snapshot of the storage."""
        async with self._pause_task(), self.inner.snapshot() as uow:
            yield uow

    async def check(self) -> None:
        """Check the wrapped storage."""
        await self.inner.check()

    @asynccontextmanager
    async def _pause_task(self) -> AsyncIterator[None]:
        task = _current.get()
        if task is None:
            yield
            return
        if not self.is_atomic():
            await task.take_permit()
        task.count_open(1)
        try:
            yield
        finally:
            task.count_open(-1)

    def _due_outage(self) -> Outage | None:
        if self._outage is None:
            return None
        outage, after = self._outage
        self._outage = None if after == 0 else (outage, after - 1)
        return outage if after == 0 else None


def _unavailable_error() -> StorageUnavailableError:
    return StorageUnavailableError("The storage was away for a moment.")
