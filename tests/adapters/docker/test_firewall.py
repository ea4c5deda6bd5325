"""Tests the rules that block connections from containers to the host, with a fake iptables."""

from pathlib import Path

import pytest
from anyio import Path as AsyncPath
from anyio import create_task_group

from pushpaka_core.adapters.docker import firewall
from pushpaka_core.adapters.docker.firewall import Firewall
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses

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
async def call_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncPath:
    """Return the log of the calls of a fake iptables, which remembers inserted rules."""
    program, call_log = AsyncPath(tmp_path / "iptables"), AsyncPath(tmp_path / "calls")
    await program.write_text(_PROGRAM.format(calls=call_log))
    await program.chmod(0o755)
    monkeypatch.setattr(firewall, "_SEARCH_PATH", f"{tmp_path}:/usr/bin:/bin")
    return call_log


async def test_rules_are_installed_once_and_checked_again_after_a_minute(
    call_log: AsyncPath, tmp_path: Path
) -> None:
    """Instances that start at the same time share one check."""
    now = [0.0]
    wall = Firewall(HostProcesses(tmp_path / "processes"), _docker0, now=lambda: now[0])

    async with create_task_group() as starts:
        for _ in range(5):
            starts.start_soon(wall.ensure_rules)
    at_first = (await call_log.read_text()).split("\n")
    now[0] += 61
    await wall.ensure_rules()
    later = (await call_log.read_text()).split("\n")

    put = [f"{verb} {rule}" for rule in _RULES for verb in ("-C", "-I")]
    assert ["-S", *put, ""] == at_first
    assert ["-S", *put, "-S", ""] == later


async def test_firewall_failure_is_logged_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every start checks the firewall, so the same failure would otherwise fill the log."""
    monkeypatch.setattr(firewall, "_SEARCH_PATH", str(tmp_path))
    wall = Firewall(HostProcesses(tmp_path / "processes"), _docker0)

    await wall.ensure_rules()
    await wall.ensure_rules()

    assert 1 == caplog.text.count("can reach this host")


async def _docker0() -> str:
    return "docker0"
