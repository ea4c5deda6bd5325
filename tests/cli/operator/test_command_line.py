"""Tests the errors of operator commands."""

import os
import socket
from functools import partial
from pathlib import Path

import pytest
from tests.adapters.sql.operators import NEWER, UNSPARING, become_next_version, change
from tests.cli.operator.operators import Operator, run_async
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer

from pushpaka_core.bootstrap import open_application
from pushpaka_core.container.application import Application
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.integrations.webhooks import GitProvider, NewWebhook
from pushpaka_core.domain.projects.env_vars import EnvVarDeletion
from pushpaka_core.maintenance.instance import lock_data_directory

PASSWORD = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("command", "settings", "sentence"),
    [
        ("serve", {"PROT": "1"}, "PUSHPAKA_PROT is not a known setting. Did you mean PUSHPAKA_PO"),
        ("serve", {"PORT": "many"}, "PUSHPAKA_PORT must be a whole number"),
        ("serve", {"STAGE": "production"}, "PUSHPAKA_SECRET_KEY must be set in production"),
        (
            "serve",
            {"STAGE": "production", "SECRET_KEY": "change-me-in-production" * 2},
            "PUSHPAKA_SECRET_KEY must be a random secret",
        ),
        ("serve", {"LOG_FORMAT": "xml"}, "PUSHPAKA_LOG_FORMAT must be one of console, json"),
        (
            "serve",
            {"REDIS_URL": f"redis//{PASSWORD}@host"},
            "PUSHPAKA_REDIS_URL must be a URL such as redis://host",
        ),
        ("serve", {"HOST": "0.0.0.0"}, "The process runtime has no sandbox"),
        ("serve", {"HOST": "192.0.2.1"}, "this machine has no such address"),
        ("serve", {"DATA_DIRECTORY": "/dev/null"}, "The data directory cannot be used"),
        (
            "serve",
            {"DATABASE_URL": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db"},
            "127.0.0.1:1 cannot be reached",
        ),
        (
            "migrate",
            {"DATABASE_URL": f"mysql://me:{PASSWORD}@127.0.0.1/db"},
            'must be "memory:", or a URL such as sqlite:////',
        ),
        (
            "migrate",
            {"DATABASE_URL": f"postgresql://me:{PASSWORD}@127.0.0.1"},
            "is not valid. Use postgresql://",
        ),
        ("worker", {"RUNTIME": "memory"}, "cannot be shared between processes"),
        ("serve --no-worker", {"DATABASE_URL": "memory:"}, "cannot be shared between processes"),
    ],
)
def test_an_unusable_setting_is_named(
    operator: Operator, command: str, settings: dict[str, str], sentence: str
) -> None:
    """The exit code is 2, and passwords are not shown."""
    env = {f"PUSHPAKA_{name}": value for name, value in settings.items()}

    errors = operator.run_refused(*command.split(), **env)

    assert sentence in errors
    assert PASSWORD not in errors


@pytest.mark.needs("postgres")
def test_a_rejected_user_of_postgresql_is_named(
    operator: Operator, postgres: PostgresServer
) -> None:
    """The error does not contain the password."""
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:{postgres.port}/db"

    errors = operator.run_refused("migrate", PUSHPAKA_DATABASE_URL=url)

    assert "rejected the user name" in errors
    assert PASSWORD not in errors


@pytest.mark.needs("redis")
def test_a_rejected_password_of_redis_is_reported(
    operator: Operator, own_redis: RedisServer
) -> None:
    """The error does not contain the password."""
    own_redis.password = "correct-horse-battery"
    own_redis.start()

    errors = operator.run_refused(
        "worker", PUSHPAKA_REDIS_URL=own_redis.url_with("wrong-horse-battery")
    )

    assert "Redis rejected the user, the password or the database" in errors
    assert "horse" not in errors


@pytest.mark.parametrize(
    ("command", "path", "reason"),
    [
        ("serve", "missing/pushpaka.db", "cannot be opened"),
        ("worker", "repositories", "cannot be opened"),
        ("migrate", "letter", "is not a database"),
    ],
)
def test_an_unusable_database_file_is_named(
    operator: Operator, command: str, path: str, reason: str
) -> None:
    """The message contains the path and the name of the setting."""
    (operator.directory / "repositories").mkdir()
    (operator.directory / "letter").write_text("Dear diary,\n" * 100)
    file = operator.directory / path

    errors = operator.run_refused(command, PUSHPAKA_DATABASE_URL=f"sqlite:///{file}")

    assert f"The database file {file} {reason}." in errors
    assert "PUSHPAKA_DATABASE_URL" in errors


def test_a_port_in_use_is_named_with_its_setting(operator: Operator) -> None:
    """The error explains that another program uses the port of the API."""
    with socket.create_server(("127.0.0.1", operator.port)):
        errors = operator.run_refused("serve")

    assert f"127.0.0.1:{operator.port}: another program already uses this port" in errors
    assert "PUSHPAKA_PORT" in errors


@pytest.mark.needs("traefik")
def test_a_router_port_in_use_is_named_with_its_setting(operator: Operator) -> None:
    """If another program uses the port of the router, `serve` does not start."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        errors = operator.run_refused("serve", PUSHPAKA_ROUTER="traefik", PUSHPAKA_ROUTER_PORT=port)

    assert "PUSHPAKA_ROUTER_PORT" in errors


def test_migrate_creates_the_database_and_can_be_repeated(operator: Operator) -> None:
    """A newer schema that this version cannot use is refused and left unchanged."""
    assert [0, 0] == [operator.run("migrate").code for _ in range(2)]
    change(operator.sqlite_url, NEWER, UNSPARING)

    for command in ("serve", "migrate"):
        assert "is newer than this version of Pushpaka" in operator.run_refused(command)


def test_only_serve_migrates_its_database_automatically(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other commands, and `serve` with PUSHPAKA_DATABASE_URL, explain how to migrate it."""
    assert 0 == operator.run("migrate").code
    become_next_version(monkeypatch, tmp_path)

    async def serve() -> None:
        async with open_application(operator.settings(), is_exclusive=True):
            pass

    users = operator.run_refused("users", "list")
    named = operator.run_refused("serve", PUSHPAKA_DATABASE_URL=operator.sqlite_url)
    run_async(serve)

    assert "Run `pushpaka migrate`." in users
    assert "Run `pushpaka migrate`." in named
    assert 0 == operator.run("users", "list").code


def test_down_does_nothing_if_nothing_runs(operator: Operator) -> None:
    """`down` can be run before the first start. It names the setting for another directory."""
    finished = operator.run("down")

    assert 0 == finished.code
    assert (
        f"There is no instance in {operator.data_directory}. If the server uses another directory, "
        "set PUSHPAKA_DATA_DIRECTORY.\n"
    ) == finished.output


@pytest.mark.parametrize(
    ("is_shared", "server"),
    [(False, f"The server (process {os.getpid()})"), (True, "The server or a worker")],
    ids=["exclusive lock", "shared lock"],
)
def test_down_asks_to_stop_the_server_first(
    operator: Operator, *, is_shared: bool, server: str
) -> None:
    """The message does not suggest another data directory, because its apps would keep running."""
    with lock_data_directory(operator.settings(), is_shared=is_shared):
        errors = operator.run_refused("down")

    assert (
        f"Error: {server} is running. Stop it first, for example with Ctrl-C in its terminal, then "
        "run `pushpaka down` again.\n"
    ) == errors


@pytest.mark.parametrize("kind", ["environment variable", "webhook"])
def test_serve_refuses_secrets_without_their_keys(operator: Operator, kind: str) -> None:
    """`serve` does not create other keys, for example on a second machine of the instance."""
    project_id = operator.add_secret()
    if kind == "webhook":
        operator.act(partial(_replace_variable_with_webhook, project_id))
    (operator.data_directory / "keys.json").unlink()

    errors = operator.run_refused("serve")

    assert "Stored secrets are encrypted with keys that are missing here: k" in errors
    assert "PUSHPAKA_ENCRYPTION_KEYS" in errors


def test_a_data_directory_can_only_be_used_with_its_own_database(operator: Operator) -> None:
    """With another database, everything that runs from the directory would be stopped."""
    file = operator.directory / "another.sqlite"
    url, elsewhere = f"sqlite:///{file}", str(operator.directory / "elsewhere")
    operator.run("users", "list")

    mistyped = operator.run_refused("serve", PUSHPAKA_DATABASE_URL=url)
    is_created = file.exists()
    in_memory = operator.run_refused("serve", PUSHPAKA_DATABASE_URL="memory:")
    operator.run("users", "list", PUSHPAKA_DATA_DIRECTORY=elsewhere, PUSHPAKA_DATABASE_URL=url)
    of_another = operator.run_refused("worker", PUSHPAKA_DATABASE_URL=url)

    assert "The database is empty, but the data directory is not." in mistyped
    assert 'PUSHPAKA_DATABASE_URL is "memory:", but the data directory' in in_memory
    assert "belong to different instances" in of_another
    assert not is_created


def test_the_runtime_of_the_first_start_is_kept(operator: Operator) -> None:
    """Without an engine, `process` is stored. A start that is refused stores nothing."""
    nowhere = "unix:///nowhere/docker.sock"
    operator.env.update(PUSHPAKA_RUNTIME="", PUSHPAKA_DOCKER_URL=nowhere)
    kept = operator.data_directory / "runtime.json"

    exposed = operator.run_refused("serve", PUSHPAKA_HOST="0.0.0.0")
    is_kept_after_a_refusal = kept.exists()
    operator.run("users", "list")

    assert "The process runtime has no sandbox" in exposed
    assert not is_kept_after_a_refusal
    assert '"process"' in kept.read_text()


async def _replace_variable_with_webhook(project_id: ProjectId, application: Application) -> None:
    """Replace the environment variable of a project with a webhook."""
    owner = Actor.from_user((await application.accounts.all(PLATFORM))[0])
    await application.env_vars.delete(owner, EnvVarDeletion(project_id=project_id, key="TOKEN"))
    await application.webhooks.add(
        owner, NewWebhook(project_id=project_id, provider=GitProvider.GITHUB)
    )
