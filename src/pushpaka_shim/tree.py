"""The program and all that came of it: the kernel gives its orphans to this process."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from pushpaka_shim.kernel import groups_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pushpaka_shim.orders import Report

_MOST_PASSES = 50
"""Where nothing limits the processes of a fork bomb, stopping them all may never succeed."""


class Tree:
    """Knows when the program is over, and ends what it leaves behind."""

    def __init__(self, program: int) -> None:
        """Take the program's process id, which is its process group's too."""
        self._program = program
        self._status: int | None = None
        self._asked = False
        self._doomed = False

    @property
    def is_over(self) -> bool:
        """
        Tell whether it is time to kill what is left.

        Of a program that was asked to end, that is when its group is empty: a
        shell goes at once, what it waited for may need a moment.
        """
        ended = self._status is not None
        return self._doomed or (ended and not (self._asked and self._signal(0)))

    @property
    def outcome(self) -> Report:
        """Say how the program ended."""
        code = -signal.SIGKILL if self._status is None else os.waitstatus_to_exitcode(self._status)
        return {"code": code} if code >= 0 else {"signal": -code}

    def ask(self) -> None:
        """Ask the program's process group to end."""
        self._asked = True
        self._signal(signal.SIGTERM)

    def doom(self) -> None:
        """Make it over, whatever the program thinks of it."""
        self._doomed = True

    def reap(self) -> bool:
        """Collect the dead, and tell whether anything lives."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._program:
                self._status = status

    def end(self) -> None:
        """Kill until nothing is left. A signal to a whole group cannot be outrun by a fork."""
        if self.reap():
            _come_first()
            _freeze()
        while self.reap():
            _signal_all(signal.SIGKILL, _groups())
            time.sleep(0.002)

    def _signal(self, number: int) -> bool:
        try:
            os.killpg(self._program, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def _come_first() -> None:
    """Get the processor before hundreds that want it too; only root can."""
    with suppress(OSError):
        os.nice(-20)
        # Where the kernel shares time among sessions, it is the session's weight that counts.
        with open("/proc/self/autogroup", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("-20")


def _freeze() -> None:
    """
    Stop everything before anything is killed.

    What is stopped still counts against the limit on processes; what is killed
    makes room for more.
    """
    stopped: set[int] = set()
    for _ in range(_MOST_PASSES):
        if not (moving := _groups() - stopped):
            return
        _signal_all(signal.SIGSTOP, moving)
        stopped |= moving


def _groups() -> set[int]:
    return groups_below(os.getpid()) - {os.getpgrp()}


def _signal_all(number: int, groups: set[int]) -> None:
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
