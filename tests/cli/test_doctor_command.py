"""`pushpaka doctor`: what a machine and the settings lack, and what to do about it."""

import json
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from anyio import to_thread
from tests.served import Served, free_port

from pushpaka_http.cli.examination.checklist import CHECKS, examine
from pushpaka_http.cli.examination.findings import Finding, Level

pytestmark = pytest.mark.anyio

REDIS_PASSWORD = "not to be shown"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def _levels(found: Mapping[str, Finding], *names: str) -> Mapping[str, Level]:
    return {name: found[name].level for name in names}


async def test_a_machine_that_has_served_nothing_yet_is_told_what_will_be_made(
    unrouted: Served,
) -> None:
    """Nothing of that is made by asking, and every check has a word."""
    finished = await unrouted.run("doctor", "--json")

    checks = {check["name"]: check for check in json.loads(finished.output)["checks"]}
    assert 0 == finished.code, finished.output
    assert ["settings", *CHECKS] == list(checks)
    assert "will be made at the first start" in checks["data directory"]["told"]
    assert "gets its tables at the first start" in checks["database"]["told"]
    assert "Nothing is served" in checks["instance"]["told"]
    assert not await to_thread.run_sync(unrouted.data_directory.exists)


async def test_an_instance_that_is_served_is_well(
    unrouted: Served,
) -> None:
    """It is asked itself, and what it listens on is not taken; once it is over, neither."""
    await unrouted.start()

    finished = await unrouted.run("doctor")
    await unrouted.stop()
    database = unrouted.data_directory / "pushpaka.sqlite"
    await to_thread.run_sync(_execute, database, "UPDATE alembic_version SET version_num='9999'")
    with_a_newer_database = await examine(unrouted.environment())

    lines = {line[9:27].strip(): line for line in finished.output.splitlines()}
    assert 0 == finished.code, finished.output
    assert "says that all is well" in lines["instance"]
    assert "its schema is current" in lines["database"]
    assert lines["ports"].startswith("ok")
    assert lines["keys"].startswith("ok")
    assert "without a sandbox" in lines["runtime"]
    assert "newer" in with_a_newer_database["database"].told
    assert Level.OK is with_a_newer_database["ports"].level


async def test_each_problem_comes_with_what_to_do(tmp_path: Path, taken_port: int) -> None:
    """Whatever the settings name is tried: servers, an engine, ports, names, keys."""
    keys = tmp_path / "keys.json"
    await to_thread.run_sync(keys.write_text, "{}")
    await to_thread.run_sync(keys.chmod, 0o644)
    nobody = free_port()

    found = await examine(
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

    wrong = ("ports", "docker", "database", "redis", "base domain", "keys", "room")
    assert dict.fromkeys(wrong, Level.PROBLEM) == _levels(found, *wrong)
    assert Level.WARNING is found["application ports"].level
    assert [] == [name for name, it in found.items() if bool(it.advice) == (it.level is Level.OK)]
    assert REDIS_PASSWORD not in str(found)
    assert f"chmod 600 {keys}" in found["keys"].advice


async def test_wrong_settings_are_told_with_what_does_not_need_them(unrouted: Served) -> None:
    """The exit code is 1, as with any problem."""
    finished = await unrouted.run("doctor", PUSHPAKA_PROT="8080")

    assert 1 == finished.code
    first, *others = finished.output.splitlines()
    assert first.startswith("problem  settings")
    assert "PUSHPAKA_PROT" in first
    assert any("git" in line for line in others)
    assert not any("database" in line for line in others)


def _execute(database: Path, script: str) -> None:
    connection = sqlite3.connect(database)
    connection.executescript(script)
    connection.close()
