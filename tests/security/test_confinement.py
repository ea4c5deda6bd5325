"""What a program of a project begins with: nothing of the platform, and no way to more."""

import json
import os
from pathlib import Path

import pytest
from anyio import fail_after
from tests.security.conftest import Stranger

from pushpaka_core.adapters.process.cgroups import own_cgroups
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.ports.processes import Command, Limits
from pushpaka_core.testing.processes import run, text_of

pytestmark = pytest.mark.anyio

_LOOK = """
import json, os, resource
status = dict(line.rstrip("\\n").split(":", 1) for line in open("/proc/self/status"))
listed = os.listdir("/proc/self/fd")
print(json.dumps({
    "descriptors": sorted(int(n) for n in listed if os.path.exists(f"/proc/self/fd/{n}")),
    "uids": sorted({int(uid) for uid in status["Uid"].split()}),
    "groups": sorted({int(gid) for gid in status["Gid"].split() + status["Groups"].split()}),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "effective": status["CapEff"].strip(),
    "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
    "leads_its_session": os.getsid(0) == os.getpid(),
    "blocked": status["SigBlk"].strip(),
    "env": sorted(os.environ),
}), flush=True)
"""

_BREAK_OUT = """
import glob, os
paths = [line.split(":", 2)[2].strip() for line in open("/proc/self/cgroup")]
own = [path for path in paths if "/pushpaka." in path]
groups = [group for path in own for group in glob.glob(f"/sys/fs/cgroup{path}")]
groups += [group for path in own for group in glob.glob(f"/sys/fs/cgroup/*{path}")]
files = [path for group in groups for path in glob.glob(f"{group}/*") + glob.glob(f"{group}/../*")]
done = []
for path in filter(os.path.isfile, files):
    try:
        open(path, "w").close()
        done.append(path)
    except PermissionError:
        pass
for group in groups:
    try:
        os.mkdir(f"{group}/below")
        done.append(group)
    except PermissionError:
        pass
print(len(groups) > 0, any("cgroup.procs" in path for path in files), done)
"""


async def test_a_program_begins_with_nothing_of_the_platform(stranger: Stranger) -> None:
    """Neither descriptors nor groups, capabilities, env vars or a way through setuid programs."""
    with fail_after(10):
        async with stranger.running(_LOOK):
            pass

    seen = json.loads(stranger.output)
    owner = os.getuid() if stranger.uid is None else stranger.uid
    groups = {os.getgid(), *os.getgroups()} if stranger.uid is None else {stranger.uid}
    assert {
        "descriptors": [0, 1, 2],
        "uids": [owner],
        "groups": sorted(groups),
        "no_new_privileges": "1",
        "core": 0,
        "leads_its_session": True,
        "blocked": "0" * 16,
        "env": ["LC_CTYPE", "PUSHPAKA_PROCESS"],
    } == {name: value for name, value in seen.items() if name != "effective"}
    assert stranger.uid is None or "0" * 16 == seen["effective"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not own_cgroups().controllers, reason="this host admits no control groups")
async def test_a_program_cannot_leave_its_groups(
    processes: HostProcesses, stranger: Stranger
) -> None:
    """It can neither go to another group, nor lift the limits of its own, nor make one below."""
    limits = Limits(memory_bytes=2**28, cpus=1, processes=50)
    argv = (stranger.python, "-c", _BREAK_OUT)
    command = Command(argv=argv, directory=Path("/"), uid=stranger.uid, limits=limits)

    _, chunks = await run(processes, command)

    assert "True True []\n" == text_of(chunks)
