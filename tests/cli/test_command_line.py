"""The commands as such, and how each refuses what it cannot work with."""

import socket
import sqlite3
from importlib.metadata import version

import pytest
from anyio import Path, to_thread
from tests.adapters.sql.operators import NEWER, UNSPARING, migrate_to
from tests.redis_server import RedisServer
from tests.served import Served

pytestmark = pytest.mark.anyio


async def test_version_is_that_of_the_package(unrouted: Served) -> None:
    """`--version` names what is installed."""
    finished = await unrouted.run("--version")

    assert f"pushpaka {version('pushpaka')}\n" == finished.output


async def test_help_names_every_command(unrouted: Served) -> None:
    """`--help` lists the commands with what they are for."""
    finished = await unrouted.run("--help")

    assert 0 == finished.code
    for name in ("serve", "worker", "down", "migrate", "takeover", "plan", "run", "users", "demo"):
        assert f"\n  {name} " in finished.output


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"PUSHPAKA_PROT": "1"}, "PUSHPAKA_PROT is not a known setting. Did you mean PUSHPAKA_PO"),
        ({"PUSHPAKA_PORT": "many"}, "PUSHPAKA_PORT must be a whole number"),
        ({"PUSHPAKA_STAGE": "production"}, "PUSHPAKA_SECRET_KEY must be set in production"),
        (
            {"PUSHPAKA_STAGE": "production", "PUSHPAKA_SECRET_KEY": "change-me-in-production" * 2},
            "PUSHPAKA_SECRET_KEY must be a secret of your own",
        ),
        ({"PUSHPAKA_LOG_FORMAT": "xml"}, "PUSHPAKA_LOG_FORMAT must be one of console, json"),
        ({"PUSHPAKA_REDIS_URL": "redis//secret@host"}, "PUSHPAKA_REDIS_URL must be redis://host"),
        ({"PUSHPAKA_HOST": "0.0.0.0"}, "The process runtime is no sandbox"),
        ({"PUSHPAKA_HOST": "192.0.2.1"}, "this machine has no such address"),
        ({"PUSHPAKA_DATA_DIRECTORY": "/dev/null"}, "The data directory cannot be used"),
    ],
)
async def test_setting_that_cannot_be_used_is_told(
    unrouted: Served, settings: dict[str, str], sentence: str
) -> None:
    """A bad setting ends serve with exit code 2 and a sentence, not a traceback."""
    finished = await unrouted.run("serve", **settings)

    assert 2 == finished.code, finished.errors
    assert sentence in finished.errors
    assert "Traceback" not in finished.errors


@pytest.mark.parametrize(
    ("command", "path", "reason"),
    [
        ("serve", "missing/pushpaka.db", "cannot be opened"),
        ("worker", "repositories", "cannot be opened"),
        ("migrate", "letter", "is not a database"),
    ],
)
async def test_database_file_that_cannot_be_used_is_told(
    unrouted: Served, command: str, path: str, reason: str
) -> None:
    """With its path and its setting, and it is left as it is."""
    letter, file = unrouted.directory / "letter", unrouted.directory / path
    await Path(letter).write_text("Dear diary,\n" * 100)

    finished = await unrouted.run(command, PUSHPAKA_DATABASE_URL=f"sqlite:///{file}")

    assert 2 == finished.code, finished.errors
    assert f"The database file {file} {reason}." in finished.errors
    assert "PUSHPAKA_DATABASE_URL" in finished.errors
    assert "Traceback" not in finished.errors


@pytest.mark.needs("redis")
async def test_redis_that_refuses_is_told(unrouted: Served, own_redis: RedisServer) -> None:
    """One with another password would refuse for ever; nothing of the given one is shown."""
    own_redis.password = "correct-horse-battery"
    own_redis.start()

    finished = await unrouted.run(
        "worker", PUSHPAKA_REDIS_URL=own_redis.url_with("wrong-horse-battery")
    )

    assert 2 == finished.code, finished.errors
    assert "Redis refuses the user, the password or the database" in finished.errors
    assert "horse" not in finished.errors
    assert "Traceback" not in finished.errors


async def test_port_in_use_is_told_with_its_setting(unrouted: Served) -> None:
    """A port that another program has ends serve with the name of the setting to change."""
    with socket.create_server(("127.0.0.1", unrouted.port)):
        finished = await unrouted.run("serve")

    assert 2 == finished.code
    assert f"127.0.0.1:{unrouted.port}: another program does already" in finished.errors
    assert "PUSHPAKA_PORT" in finished.errors


@pytest.mark.needs("traefik")
async def test_router_port_in_use_is_told_with_its_setting(served: Served) -> None:
    """The same holds for the port of the router."""
    with socket.create_server(("127.0.0.1", served.router_port)):
        finished = await served.run("serve")

    assert 2 == finished.code
    assert "PUSHPAKA_ROUTER_PORT" in finished.errors


async def test_migrate_makes_the_database(unrouted: Served) -> None:
    """`migrate` leaves a database, and does no harm when it is run again."""
    first = await unrouted.run("migrate")
    second = await unrouted.run("migrate")

    assert [0, 0] == [first.code, second.code]
    assert (unrouted.data_directory / "pushpaka.sqlite").exists()


@pytest.mark.parametrize("command", ["serve", "migrate"])
async def test_database_of_a_newer_schema_is_left_alone(unrouted: Served, command: str) -> None:
    """A database that a newer version wrote ends the command with exit code 2."""
    await unrouted.run("migrate")
    await to_thread.run_sync(_make_newer, unrouted)

    finished = await unrouted.run(command)

    assert 2 == finished.code
    assert "written by a newer Pushpaka" in finished.errors
    assert "Traceback" not in finished.errors


async def test_serve_alone_updates_the_database_of_its_data_directory(unrouted: Served) -> None:
    """Nobody else can be using it; all others are told which command does it."""
    await Path(unrouted.data_directory).mkdir()
    own = f"sqlite:///{unrouted.data_directory / 'pushpaka.sqlite'}"
    await to_thread.run_sync(migrate_to, own, "0001")

    users = await unrouted.run("users", "list")
    named = await unrouted.run("serve", PUSHPAKA_DATABASE_URL=own)
    await unrouted.start()

    assert (2, 2) == (users.code, named.code)
    assert "Run: pushpaka migrate" in users.errors
    assert "Run: pushpaka migrate" in named.errors


async def test_down_has_nothing_to_do_where_nothing_runs(unrouted: Served) -> None:
    """`down` is harmless before the first start."""
    finished = await unrouted.run("down")

    assert 0 == finished.code
    assert finished.output.startswith("Nothing runs")


def _make_newer(served: Served) -> None:
    with sqlite3.connect(served.data_directory / "pushpaka.sqlite") as database:
        for statement in (NEWER, UNSPARING):
            database.execute(statement)
    database.close()
