"""Limits how many instances start at the same time."""

from typing import TypeAlias

from attrs import define, field

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.ports.system import Stopwatch

ProcessKey: TypeAlias = tuple[DeploymentId, str, int]
"""
A deployment id, a process type and an index. They identify a process, even if its instance is
replaced.
"""

_SLOT_TIMEOUT_SECONDS = 10
"""
Seconds after which a slot is freed. An instance that has not responded by then is probably waiting,
and not using the CPU.
"""


@define
class StartSlots:
    """
    Lets a few instances start at a time, so that the first ones respond early.

    If a hundred instances shared the CPUs after a reboot, all would respond late, and many only
    after their health check timeout.
    """

    _limit: int
    _stopwatch: Stopwatch
    _acquired_at: dict[ProcessKey, float] = field(factory=dict, init=False)
    _queue: dict[ProcessKey, None] = field(factory=dict, init=False)
    """The processes that are queued for a slot, in order."""

    def acquire(self, process: ProcessKey) -> bool:
        """
        Take a slot for *process* and return True. If no slot is free, queue *process* and return
        False.
        """
        now = self._stopwatch()
        self._acquired_at = {
            p: since
            for p, since in self._acquired_at.items()
            if now - since < _SLOT_TIMEOUT_SECONDS
        }
        if process not in self._acquired_at and len(self._acquired_at) >= self._limit:
            self._queue.setdefault(process)
            return False
        self._queue.pop(process, None)
        self._acquired_at[process] = now
        return True

    def is_queued(self, process: ProcessKey) -> bool:
        """Return True if *process* is queued for a slot."""
        return process in self._queue

    def release(self, process: ProcessKey) -> ProcessKey | None:
        """
        Free the slot of *process*, if it has one, because its instance has started or ended.

        Remove the next process from the queue and return it, so that it can take the slot. Return
        None if the queue is empty or *process* had no slot.
        """
        if self._acquired_at.pop(process, None) is None:
            return None
        following = next(iter(self._queue), None)
        if following is not None:
            del self._queue[following]
        return following

    @property
    def in_use(self) -> int:
        """The number of instances that hold a start slot."""
        return len(self._acquired_at)
