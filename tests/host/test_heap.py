"""The memory usage of a process."""

import subprocess
import sys

import pytest

_PROGRAM = """\
from threading import Event, Thread

import psutil

from pushpaka_core.adapters.security.hasher import Argon2Hasher
from pushpaka_core.host.own_process import use_single_arena

use_single_arena()
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


@pytest.mark.suite("integration")
def test_threads_share_the_memory_for_password_hashes() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True)

    assert int(done.stdout) < _OF_ONE_PASSWORD
