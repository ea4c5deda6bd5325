"""A program that is told to end does so in time."""

import subprocess
import sys

_STUCK = """
import threading
from pushpaka_worker import ending

ending.MOST_SECONDS = 0.1
ending.end_in_time()
threading.Event().wait()
"""


def test_what_does_not_end_is_ended() -> None:
    """Whatever holds it up, and it says so."""
    ended = subprocess.run(
        [sys.executable, "-c", _STUCK], check=False, capture_output=True, timeout=60
    )

    assert 1 == ended.returncode
    assert b"it is left as it is" in ended.stderr
