"""Hints to the workers of this process."""

from collections import deque
from datetime import timedelta

from anyio import Event, move_on_after
from attrs import define, field

from pushpaka_core.domain.projects import ProjectId


@define
class MemoryQueue:
    """Wakes one waiting worker for each hint; several hints that nobody waits for are one."""

    _waiting: deque[Event] = field(factory=deque, init=False)
    _is_announced: bool = field(default=False, init=False)

    async def announce(self, _: ProjectId, /) -> None:
        """Wake the worker that waits longest, or the next one to come."""
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._is_announced = True

    async def wait(self, timeout: timedelta, /) -> bool:
        """Return true at the next hint, or false once *timeout* is over."""
        if self._is_announced:
            self._is_announced = False
            return True
        hint = Event()
        self._waiting.append(hint)
        try:
            with move_on_after(timeout.total_seconds()):
                await hint.wait()
        finally:
            self._leave(hint)
        return hint.is_set()

    def _leave(self, hint: Event) -> None:
        if hint in self._waiting:
            self._waiting.remove(hint)
