"""What a program of a project begins with: nothing of the platform, and no way to more."""

import json
import os

import pytest
from anyio import fail_after
from tests.security.conftest import Stranger

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
