"""A stage on which the actors of a platform move one transaction at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from enum import Enum
from math import inf
from typing import Any

from anyio import Event, move_on_after
from anyio.lowlevel import checkpoint
from attrs import define, field, frozen

from pushpaka_core.errors import PushpakaError, StorageUnavailableError
from pushpaka_core.ports.storage import Storage, UnitOfWork

_SETTLING = 20
"""How often the other tasks of an actor may run on, once it waits for its next step."""
_LONGEST_STEP = 1.0


class Outage(Enum):
    """How a transaction goes wrong."""

    REFUSED = "refused"
    BROKEN = "broken"
    """It is rolled back at its end."""
    ANSWER_LOST = "answer lost"
    """It is committed, and nobody is told."""


@define(eq=False)
class Actor:
    """Something that runs until its next transaction, and there waits to be let on."""

    task: asyncio.Task[None] | None = None
    error: Exception | None = None
    _permits: float = 0
    _waiting: int = 0
    _open: int = 0
    _changed: Event = field(factory=Event)

    @property
    def is_over(self) -> bool:
        """Tell whether it has ended."""
        return self.task is None or self.task.done()

    def begin(self, play: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have it do *play*, up to its first transaction."""
        self.task = asyncio.get_running_loop().create_task(self._play(play))

    async def step(self, steps: float) -> None:
        """Let it open so many transactions, and return when it waits again, or is over."""
        self._permits = steps
        self._change()
        with move_on_after(_LONGEST_STEP):
            while not (self.is_over or self._is_parked):
                await self._changed.wait()
            for _ in range(_SETTLING):
                await checkpoint()
        self._permits = 0

    async def end(self) -> None:
        """Cancel it, and let it do what it does at its end."""
        if self.task is not None and not self.task.done():
            self._permits = inf
            self.task.cancel()
            self._change()
            await asyncio.wait([self.task])

    async def pass_gate(self) -> None:
        """Wait for a permit, and use it up."""
        self._waiting += 1
        self._change()
        try:
            while self._permits <= 0:
                await self._changed.wait()
            self._permits -= 1
        finally:
            self._waiting -= 1

    def open(self, change: int) -> None:
        """Count the transactions that are open."""
        self._open += change
        self._change()

    @property
    def _is_parked(self) -> bool:
        return self._permits <= 0 and self._waiting > 0 and self._open == 0

    async def _play(self, play: Callable[[], Coroutine[Any, Any, None]]) -> None:
        _acting.set(self)
        try:
            await play()
        except PushpakaError as error:
            self.error = error
        finally:
            self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = Event()


_acting: ContextVar[Actor | None] = ContextVar("_acting", default=None)


@define
class StagedStorage:
    """A storage at whose door actors wait, and which fails once where it is told to."""

    present: Storage
    """The storage itself, for those who look on."""
    is_atomic: Callable[[], bool] = bool
    """Tells whether the one who asks cannot be stopped here: it holds a lock of the platform."""
    _outage: "_Planned | None" = field(default=None, init=False)

    def plan(self, outage: Outage, *, after: int) -> None:
        """Have one transaction go wrong: the one behind the next *after*."""
        self._outage = _Planned(outage, after)

    def recover(self) -> None:
        """Plan nothing any more."""
        self._outage = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """Wait at the door, then do what the storage does, or what the plan says."""
        async with self._door():
            outage = self._due()
            if outage is Outage.REFUSED:
                raise _away()
            async with self.present.transaction() as uow:
                yield uow
                if outage is Outage.BROKEN:
                    raise _away()
            if outage is Outage.ANSWER_LOST:
                raise _away()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[UnitOfWork]:
        """Wait at the door, then look."""
        async with self._door(), self.present.snapshot() as uow:
            yield uow

    async def check(self) -> None:
        """Ask the storage."""
        await self.present.check()

    @asynccontextmanager
    async def _door(self) -> AsyncIterator[None]:
        actor = _acting.get()
        if actor is None:
            yield
            return
        if not self.is_atomic():
            await actor.pass_gate()
        actor.open(1)
        try:
            yield
        finally:
            actor.open(-1)

    def _due(self) -> Outage | None:
        if self._outage is None:
            return None
        kind, after = self._outage.kind, self._outage.after
        self._outage = None if after == 0 else _Planned(kind, after - 1)
        return kind if after == 0 else None


@frozen
class _Planned:
    kind: Outage
    after: int


def _away() -> StorageUnavailableError:
    return StorageUnavailableError("The storage was away for a moment.")
