"""A program of a project inherits nothing from the platform, and cannot gain privileges."""

import json
import os
from pathlib import Path

import pytest
from tests.security.conftest import ProjectUser

from pushpaka_core.adapters.process.sandbox.cgroups import available_cgroups
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.ports.processes import Command, ResourceLimits
from pushpaka_core.testing.processes import output_text, run

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


async def test_a_program_inherits_nothing_from_the_platform(project_user: ProjectUser) -> None:
    """The program has none of the platform's descriptors, groups, capabilities or variables."""
    async with project_user.running(_LOOK):
        pass

    seen = json.loads(project_user.output)
    owner = os.getuid() if project_user.uid is None else project_user.uid
    groups = {os.getgid(), *os.getgroups()} if project_user.uid is None else {project_user.uid}
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
    assert project_user.uid is None or "0" * 16 == seen["effective"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(
    not available_cgroups().controllers, reason="this host admits no control groups"
)
async def test_a_program_cannot_change_its_control_groups(
    process_manager: HostProcesses, project_user: ProjectUser
) -> None:
    limits = ResourceLimits(memory_bytes=2**28, cpus=1, processes=50)
    argv = (project_user.python, "-c", _BREAK_OUT)
    command = Command(argv=argv, directory=Path("/"), uid=project_user.uid, limits=limits)

    _, chunks = await run(process_manager, command)

    assert "True True []\n" == output_text(chunks)
