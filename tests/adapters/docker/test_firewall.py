"""The rules that keep containers from the host, by a program that stands for iptables."""

from pathlib import Path

import pytest
from anyio import Path as AsyncPath
from anyio import create_task_group

from pushpaka_core.adapters.docker import firewall
from pushpaka_core.adapters.docker.firewall import Firewall
from pushpaka_core.adapters.process.processes import HostProcesses

pytestmark = pytest.mark.anyio

_PROGRAM = """\
#!/bin/sh
shift
echo "$*" >> {calls}
case $1 in
-S) sed -n 's/^-I /-A /p' {calls} ;;
-C) shift; grep -qxF -- "-I $*" {calls} ;;
esac
"""
_NEW = "-m conntrack --ctstate NEW ! --ctorigdstport 53"
_RULES = (
    f"INPUT -i pkb+ {_NEW} -j DROP",
    "DOCKER-USER -d 169.254.0.0/16 -i pkb+ -j DROP",
    f"INPUT -i docker0 {_NEW} -j DROP",
    "DOCKER-USER -d 169.254.0.0/16 -i docker0 -j DROP",
    "DOCKER-USER -i docker0 -o docker0 -j DROP",
)


@pytest.fixture
async def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncPath:
    """Return the file in which each call is a line; what was put in once is there."""
    program, calls = AsyncPath(tmp_path / "iptables"), AsyncPath(tmp_path / "calls")
    await program.write_text(_PROGRAM.format(calls=calls))
    await program.chmod(0o755)
    monkeypatch.setattr(firewall, "_SEARCH_PATH", f"{tmp_path}:/usr/bin:/bin")
    return calls


async def test_rules_are_put_in_force_once_and_looked_at_again_after_a_minute(
    calls: AsyncPath, tmp_path: Path
) -> None:
    """However many containers start at a time, the first look is enough for all of them."""
    now = [0.0]
    wall = Firewall(HostProcesses(tmp_path / "processes"), _docker0, now=lambda: now[0])

    async with create_task_group() as starts:
        for _ in range(5):
            starts.start_soon(wall.close)
    at_first = (await calls.read_text()).split("\n")
    now[0] += 61
    await wall.close()
    later = (await calls.read_text()).split("\n")

    put = [f"{verb} {rule}" for rule in _RULES for verb in ("-C", "-I")]
    assert ["-S", *put, ""] == at_first
    assert ["-S", *put, "-S", ""] == later


async def test_rules_that_cannot_be_set_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An operator hears that containers reach the host, once a minute at most."""
    monkeypatch.setattr(firewall, "_SEARCH_PATH", str(tmp_path))
    wall = Firewall(HostProcesses(tmp_path / "processes"), _docker0)

    await wall.close()
    await wall.close()

    assert 1 == caplog.text.count("can reach this host")


async def _docker0() -> str:
    return "docker0"
