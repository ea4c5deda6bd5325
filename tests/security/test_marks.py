"""Programs that pretend to be what they are not."""

import os
import signal
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import fail_after, to_thread, wait_readable
from tests.security.conftest import Stranger

from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.adapters.process.records import Records
from pushpaka_core.adapters.process.shims import SHIM_MARK
from pushpaka_core.ports.processes import Command
from pushpaka_core.testing.processes import living

pytestmark = pytest.mark.anyio

_HIDE = """
import ctypes, os, time
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
ctypes.CDLL(None).prctl(15, b"x) \\xff\\nUid:\\t0", 0, 0, 0)
print("hidden", flush=True)
time.sleep(60)
"""


async def test_a_program_in_the_guise_of_a_shim_is_swept(
    processes: HostProcesses, stranger: Stranger, data: Path
) -> None:
    """A stranger's mark, name and closed files in /proc protect nobody from the sweep."""
    records, mark = Records(data / "processes"), str(uuid4())
    guise = {SHIM_MARK: await to_thread.run_sync(records.instance)} if stranger.uid else {}
    argv = (stranger.python, "-c", _HIDE)
    env = {"MARK": mark, **guise}
    await processes.launch(
        "web.1", Command(argv=argv, directory=Path("/"), env=env, uid=stranger.uid)
    )
    await anext(processes.output("web.1"))
    record = await to_thread.run_sync(records.record, "web.1")
    assert record is not None
    shim = os.pidfd_open(record["shim"]["pid"])
    os.kill(record["shim"]["pid"], signal.SIGKILL)
    await to_thread.run_sync(records.drop, "web.1")

    with fail_after(10):
        await wait_readable(shim)
        await processes.sweep()
    os.close(shim)

    assert set() == await living(mark)
