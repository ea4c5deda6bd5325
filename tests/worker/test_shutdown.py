"""A process exits within its timeout after a shutdown request, even if it is stuck."""

import subprocess
import sys

_STUCK = """
import threading
from pushpaka_worker import shutdown

shutdown.SHUTDOWN_TIMEOUT_SECONDS = 0.1
shutdown.exit_after_timeout()
threading.Event().wait()
"""


def test_a_stuck_process_exits_after_the_timeout() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _STUCK], check=False, capture_output=True, timeout=60
    )

    assert 1 == ended.returncode
    assert b"Exiting now" in ended.stderr
