"""Runs `pushpaka`, and writes the number of its tasks and memory blocks to a file."""

import asyncio
import json
import os
import sys
from pathlib import Path
from threading import Thread
from time import sleep

from pushpaka_http.cli import main

COUNTED = "PUSHPAKA_TEST_COUNTED"
"""
The environment variable with the directory of the files, which are named by process id.

It is not a setting.
"""
_PAUSE = 1.0
_loops: list[asyncio.AbstractEventLoop] = []


class _Policy(asyncio.DefaultEventLoopPolicy):
    """Records the event loops that it creates."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        _loops.append(super().new_event_loop())
        return _loops[-1]


def _count() -> None:
    file = Path(os.environ[COUNTED]) / str(os.getpid())
    beside = file.with_suffix(".new")
    while True:
        tasks = sum(len(asyncio.all_tasks(loop)) for loop in _loops)
        beside.write_text(json.dumps({"tasks": tasks, "blocks": sys.getallocatedblocks()}))
        beside.replace(file)
        sleep(_PAUSE)


if __name__ == "__main__":
    asyncio.set_event_loop_policy(_Policy())
    Thread(target=_count, daemon=True).start()
    main()
