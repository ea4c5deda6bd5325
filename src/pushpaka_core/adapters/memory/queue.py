"""A queue of hints within one process."""

from collections import deque
from datetime import timedelta

from anyio import Event, move_on_after
from attrs import define, field

from pushpaka_core.domain.ids import ProjectId


@define
class MemoryQueue:
    """Wakes one waiting worker per hint. Hints without a waiting worker are merged into one."""

    _waiters: deque[Event] = field(factory=deque, init=False)
    _is_announced: bool = field(default=False, init=False)

    async def notify(self, _: ProjectId, /) -> None:
        """
        Wake the worker that has waited longest. If no worker waits, the next `wait` returns at
        once.
        """
        if self._waiters:
            self._waiters.popleft().set()
        else:
            self._is_announced = True

    async def wait(self, timeout: timedelta, /) -> bool:
        """Return True at the next hint, or False after *timeout*."""
        if self._is_announced:
            self._is_announced = False
            return True
        hint = Event()
        self._waiters.append(hint)
        try:
            with move_on_after(timeout.total_seconds()):
                await hint.wait()
        finally:
            self._remove_waiter(hint)
        return hint.is_set()

    def _remove_waiter(self, hint: Event) -> None:
        if hint in self._waiters:
            self._waiters.remove(hint)
