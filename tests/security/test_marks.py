"""Programs that disguise themselves as shims, to keep running unnoticed."""

import os
import signal
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import to_thread, wait_readable
from tests.security.conftest import ProjectUser

from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.supervisor.records import ProcessRecords
from pushpaka_core.adapters.process.supervisor.shims import SHIM_MARK
from pushpaka_core.ports.processes import Command
from pushpaka_core.testing.processes import live_pids

pytestmark = pytest.mark.anyio

_HIDE = """
import ctypes, os, time
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
ctypes.CDLL(None).prctl(15, b"x) \\xff\\nUid:\\t0", 0, 0, 0)
print("hidden", flush=True)
time.sleep(60)
"""


async def test_a_program_disguised_as_a_shim_is_killed(
    process_manager: HostProcesses, project_user: ProjectUser, data_directory: Path
) -> None:
    """A program is killed even if it copies a shim's environment, name and permissions in /proc."""
    records, mark = ProcessRecords(data_directory / "processes"), str(uuid4())
    guise = {SHIM_MARK: await to_thread.run_sync(records.instance)} if project_user.uid else {}
    argv = (project_user.python, "-c", _HIDE)
    env = {"MARK": mark, **guise}
    await process_manager.launch(
        "web.1", Command(argv=argv, directory=Path("/"), env=env, uid=project_user.uid)
    )
    await anext(process_manager.output("web.1"))
    record = await to_thread.run_sync(records.record, "web.1")
    assert record is not None
    shim = os.pidfd_open(record["shim"]["pid"])
    os.kill(record["shim"]["pid"], signal.SIGKILL)
    await to_thread.run_sync(records.delete, "web.1")

    await wait_readable(shim)
    await process_manager.kill_orphans()
    os.close(shim)

    assert set() == await live_pids(mark)
