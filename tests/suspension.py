"""Suspends child processes."""

import os
from signal import SIGSTOP


def suspend(pid: int) -> None:
    """
    Suspend a child process with SIGSTOP.

    Return when all its threads are suspended: until then, it may still respond.
    """
    os.kill(pid, SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
