"""Tests which problems `pushpaka doctor` finds, and the remedies it suggests."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from anyio import to_thread
from tests.adapters.sql.operators import NEWER, change
from tests.cli.operator.operators import Operator, run_async
from tests.served_instance import free_port

from pushpaka_core.settings.settings import Settings
from pushpaka_http.cli.doctor import host, network
from pushpaka_http.cli.doctor.checklist import CHECKS, run_checks
from pushpaka_http.cli.doctor.findings import Check, Finding, Level

REDIS_PASSWORD = "not to be shown"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def _levels(findings: Mapping[str, Finding], *names: str) -> Mapping[str, Level]:
    return {name: findings[name].level for name in names}


def test_a_new_machine_is_healthy(operator: Operator) -> None:
    """The checks announce what the first start will create, but create nothing."""
    finished = operator.run("doctor", "--json")

    checks = {check["name"]: check for check in json.loads(finished.output)["checks"]}
    assert 0 == finished.code, finished.output
    assert ["settings", *CHECKS] == list(checks)
    assert "will be created at the first start" in checks["data directory"]["message"]
    assert "tables will be created at the first start" in checks["database"]["message"]
    assert "is not running" in checks["instance"]["message"]
    assert not operator.data_directory.exists()


def test_a_running_instance_is_healthy(operator: Operator) -> None:
    """Ports that the instance uses do not count as taken. A newer database is a problem."""
    with operator.serve():
        finished = operator.run("doctor")
    change(operator.sqlite_url, NEWER)
    stopped = run_async(run_checks, operator.environment())

    lines = {line[9:30].strip(): line for line in finished.output.splitlines()}
    assert 0 == finished.code, finished.output
    assert "is healthy" in lines["instance"]
    assert "the schema is up to date" in lines["database"]
    assert lines["ports"].startswith("ok")
    assert lines["keys"].startswith("ok")
    assert "without a sandbox" in lines["runtime"]
    assert "newer" in stopped["database"].message
    assert Level.OK is stopped["ports"].level


@pytest.mark.anyio
async def test_each_problem_has_a_remedy(tmp_path: Path, taken_port: int) -> None:
    """The cases cover servers, the Docker Engine, ports, names and keys in the settings."""
    keys = tmp_path / "keys.json"
    await to_thread.run_sync(keys.write_text, "{}")
    await to_thread.run_sync(keys.chmod, 0o644)
    nobody = free_port()

    found = await run_checks(
        {
            "PATH": "/usr/bin",
            "PUSHPAKA_DATA_DIRECTORY": str(tmp_path),
            "PUSHPAKA_PORT": str(taken_port),
            "PUSHPAKA_ROUTER": "none",
            "PUSHPAKA_RUNTIME": "docker",
            "PUSHPAKA_DOCKER_URL": f"unix://{tmp_path}/docker.sock",
            "PUSHPAKA_DATABASE_URL": f"postgresql://jane:{REDIS_PASSWORD}@127.0.0.1:{nobody}/db",
            "PUSHPAKA_REDIS_URL": f"redis://:{REDIS_PASSWORD}@127.0.0.1:{nobody}/0",
            "PUSHPAKA_BASE_DOMAIN": "apps.invalid",
            "PUSHPAKA_MIN_FREE_DISK": "1000000000",
            "PUSHPAKA_INSTANCE_PORTS": "40000-40999",
        }
    )

    wrong = ("ports", "docker", "database", "redis", "base domain", "keys", "free capacity")
    assert dict.fromkeys(wrong, Level.PROBLEM) == _levels(found, *wrong)
    assert Level.WARNING is found["application ports"].level
    assert [] == [name for name, it in found.items() if bool(it.advice) == (it.level is Level.OK)]
    assert REDIS_PASSWORD not in str(found)
    assert f"chmod 600 {keys}" in found["keys"].advice


def test_invalid_settings_are_a_problem(operator: Operator) -> None:
    """The checks that need no settings run anyway. The exit code is 1."""
    finished = operator.run("doctor", PUSHPAKA_PROT="8080")

    assert 1 == finished.code
    first, *others = finished.output.splitlines()
    assert first.startswith("problem  settings")
    assert "PUSHPAKA_PROT" in first
    assert any("git" in line for line in others)
    assert not any("database" in line for line in others)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("allowed_hosts", "registration", "level"),
    [
        ("deploy.example.com", "open", Level.OK),
        ("*", "closed", Level.OK),
        ("*", "open", Level.WARNING),
    ],
)
async def test_an_api_exposed_to_dns_rebinding_is_reported(
    tmp_path: Path, allowed_hosts: str, registration: str, level: Level
) -> None:
    """Without a list of hosts, any web page that a user visits could register an account."""
    environ = {
        "PUSHPAKA_DATA_DIRECTORY": str(tmp_path),
        "PUSHPAKA_ALLOWED_HOSTS": allowed_hosts,
        "PUSHPAKA_REGISTRATION": registration,
    }

    finding = await network.check_host_names(Settings.from_environ(environ))

    assert level is finding.level
    assert (level is Level.WARNING) is ("DNS rebinding" in finding.message)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("check", "uid", "words"),
    [
        (
            host.check_application_network,
            1000,
            (
                "Applications can connect to the API, the database and Redis on this host",
                "Run as root.",
            ),
        ),
        (
            host.check_client_connections,
            1000,
            ("One client can take all connections of the router: only root", "Run as root."),
        ),
        (
            host.check_application_isolation,
            0,
            ("Applications share /tmp, /var/tmp and /dev/shm with this host", "CAP_SYS_ADMIN"),
        ),
    ],
    ids=["application network", "client connections", "application isolation"],
)
async def test_missing_permissions_are_reported(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    check: Check,
    uid: int,
    words: tuple[str, str],
) -> None:
    """Without root there is no firewall, and root without a capability cannot isolate."""
    environ = {
        "PUSHPAKA_DATA_DIRECTORY": str(tmp_path),
        "PUSHPAKA_ROUTER": "traefik",
        "PUSHPAKA_RUNTIME": "process",
    }
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    # No process has this capability, because the kernel does not define it.
    monkeypatch.setattr(host, "_CAP_SYS_ADMIN", 63)

    finding = await check(Settings.from_environ(environ))

    message, advice = words
    assert Level.WARNING is finding.level
    assert finding.message.startswith(message)
    assert advice in finding.advice
