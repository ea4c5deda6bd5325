"""How much memory a program keeps."""

import subprocess
import sys

_PROGRAM = """\
from threading import Event, Thread

import psutil

from pushpaka_core.adapters.security.hasher import Argon2Hasher
from pushpaka_core.heap import share_heap

share_heap()
scheme, threads, end = Argon2Hasher()._scheme(), 6, Event()


def hash_twice(done):
    for _ in range(2):
        scheme.hash("correct horse")
    done.set()
    end.wait()


def use_a_thread():
    Thread(target=hash_twice, args=(done := Event(),)).start()
    done.wait()


use_a_thread()
before = psutil.Process().memory_info().rss
for _ in range(threads):
    use_a_thread()
print(psutil.Process().memory_info().rss - before)
end.set()
"""
_OF_ONE_PASSWORD = 19 * 2**20


def test_no_thread_keeps_what_a_password_was_hashed_in() -> None:
    """All use the same memory, one after the other."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True)

    assert int(done.stdout) < _OF_ONE_PASSWORD
