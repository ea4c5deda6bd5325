"""The process tree of a program. The shim is a subreaper, so orphans become its children."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from pushpaka_shim.syscalls import descendant_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pushpaka_shim.protocol import Report

_MAX_PASSES = 50
"""
Maximum number of attempts to stop all processes. If nothing limits the number of processes,
stopping a fork bomb may never succeed.
"""


class ProcessTree:
    """Tracks the program and its descendants, and kills those that outlive it."""

    def __init__(self, pid: int) -> None:
        """Track the program with the process id *pid*, which is also its process group id."""
        self._program = pid
        self._status: int | None = None
        self._termination_requested = False
        self._is_marked_over = False

    @property
    def is_over(self) -> bool:
        """
        Return True if the program is over, so that the remaining processes have to be killed.

        After a request to terminate, the program is over only when its process group is empty: a
        shell exits at once, but its children may need a moment.
        """
        ended = self._status is not None
        return self._is_marked_over or (
            ended and not (self._termination_requested and self._signal(0))
        )

    @property
    def outcome(self) -> Report:
        """Return the exit code of the program, or the signal that killed it."""
        code = -signal.SIGKILL if self._status is None else os.waitstatus_to_exitcode(self._status)
        return {"code": code} if code >= 0 else {"signal": -code}

    def terminate(self) -> None:
        """Send SIGTERM to the program's process group."""
        self._termination_requested = True
        self._signal(signal.SIGTERM)

    def mark_ended(self) -> None:
        """Mark the program as over, whether or not it has exited."""
        self._is_marked_over = True

    def reap(self) -> bool:
        """Collect exited processes. Return True if any are still running."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._program:
                self._status = status

    def kill_all(self) -> None:
        """
        Kill all descendants and wait for them.

        Signals go to whole process groups, which a fork cannot escape.
        """
        if self.reap():
            _raise_priority()
            _stop_all()
        while self.reap():
            _signal_all(signal.SIGKILL, _groups())
            time.sleep(0.002)

    def _signal(self, signal_number: int) -> bool:
        try:
            os.killpg(self._program, signal_number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def _raise_priority() -> None:
    """Raise the priority of this process above the processes to kill. This requires root."""
    with suppress(OSError):
        os.nice(-20)
        # Where the kernel shares CPU time among sessions (autogroup), only the session's priority
        # counts.
        with open("/proc/self/autogroup", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("-20")


def _stop_all() -> None:
    """
    Stop all descendants before the first of them is killed.

    A stopped process still counts toward the process limit. A killed process makes room for a new
    fork.
    """
    stopped: set[int] = set()
    for _ in range(_MAX_PASSES):
        if not (moving := _groups() - stopped):
            return
        _signal_all(signal.SIGSTOP, moving)
        stopped |= moving


def _groups() -> set[int]:
    return descendant_groups(os.getpid()) - {os.getpgrp()}


def _signal_all(signal_number: int, groups: set[int]) -> None:
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal_number)
