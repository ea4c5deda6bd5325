"""Tests `pushpaka db`."""

import json

import pytest
from tests.cli.commands.machines import Machine, Server

from pushpaka_core.errors import BuildError

pytestmark = pytest.mark.usefixtures("project")


def test_a_database_is_created_and_listed(ann: Machine) -> None:
    """The command follows the server, and names the variable that the next deployment gets."""
    created = ann.run("db", "create")

    (database,) = ann.json("db")["data"]
    running = "main is running. The next deployment gets its URL as DATABASE_URL.\n"
    assert running == created.stdout
    assert created.stderr.endswith("Next: pushpaka deploy\n")
    assert "Started in" in created.stderr
    assert "without an address" not in created.stderr
    assert ("main", "postgres", "running", "DATABASE_URL") == (
        database["name"], database["kind"], database["status"], database["env_name"],
    )  # fmt: skip
    assert ["main", "PostgreSQL", database["version"], "running", "DATABASE_URL"] == (
        ann.run("db", "list").stdout.splitlines()[1].split()[:5]
    )


def test_a_database_has_options(ann: Machine) -> None:
    """With --json, the last line is the database."""
    words = ("db", "create", "orders", "--env-name", "ORDERS_URL", "--size-limit", "64", "--json")

    *steps, last = ann.printed_objects(ann.run(*words))
    info = ann.run("db", "info", "orders")

    assert {"event", "line", "deployment"} >= {each["type"] for each in steps}
    assert ("database", "running", "orders", "ORDERS_URL", 64) == (
        last["type"], last["database"]["status"], last["database"]["name"],
        last["database"]["env_name"], last["database"]["size_limit"],
    )  # fmt: skip
    assert "ORDERS_URL" in info.stdout
    assert last["database"]["deployment_id"] in info.stdout
    assert "Next: pushpaka db logs orders\n" == info.stderr


def test_a_database_is_created_without_following(ann: Machine) -> None:
    created = ann.run("db", "create", "--detach")

    assert "main is starting.\n" == created.stdout
    assert "Next: pushpaka db logs --follow main\n" == created.stderr


def test_a_version_that_is_not_offered_is_rejected(ann: Machine) -> None:
    rejected = ann.run("db", "create", "--version", "9", code=1)

    assert "version" in rejected.stderr
    assert "There are no databases.\n" == ann.run("db").stderr


def test_the_log_of_a_server_is_shown(ann: Machine) -> None:
    ann.run("db", "create")

    log = ann.run("db", "logs", "--tail", "1")
    unknown = ann.run("db", "logs", "orders", code=1)

    assert 1 == len(log.stdout.splitlines())
    assert 'There is no database "orders".' in unknown.stderr


def test_a_running_server_is_restarted(ann: Machine) -> None:
    ann.run("db", "create")

    restarted = ann.run("db", "restart")

    assert "Restarting main.\n" == restarted.stdout
    assert "Next: pushpaka db logs --follow --tail 20 main\n" == restarted.stderr


def test_a_server_that_cannot_start_has_a_reason_and_is_started_again(
    ann: Machine, server: Server
) -> None:
    """The exit code of `create` is 1, and `restart` follows the new deployment."""
    server.builder.failure = BuildError("The image could not be built.")
    failed = ann.run("db", "create", code=1)
    server.builder.failure = None
    (database,) = ann.json("db")["data"]
    again = ann.run("db", "restart")

    assert "The image could not be built." in failed.stderr
    assert failed.stderr.endswith("Start it again: pushpaka db restart main\n")
    assert "failed" == database["status"]
    assert "main is running.\n" == again.stdout


def test_a_database_is_detached_and_attached_again(ann: Machine) -> None:
    ann.run("db", "create")

    detached = ann.run("db", "detach", "main")
    (listed,) = ann.json("db", "list", "--detached")["data"]
    again = ann.run("db", "detach", "main", code=1)
    attached = ann.run("db", "attach", "main")

    assert detached.stdout.startswith(
        "Detached main. The database was detached. Its data is kept until"
    )
    assert "Next: pushpaka db attach main\n" == detached.stderr
    assert listed["purge_after"] is not None
    assert 'There is no database "main".' in again.stderr
    assert attached.stdout.startswith("main is running. ")
    assert [] == ann.json("db", "list", "--detached")["data"]


def test_only_a_detached_database_is_purged(ann: Machine) -> None:
    """The name has to be typed, unless --yes is given."""
    ann.run("db", "create")
    attached = ann.run("db", "purge", "main", "--yes", code=1)
    ann.run("db", "detach", "main")

    unasked = ann.run("db", "purge", "main", code=2)
    purged = ann.run("db", "purge", "main", "--yes")

    assert 'There is no detached database "main".' in attached.stderr
    assert "Use --yes" in unasked.stderr
    assert "Deleted main and its data.\n" == purged.stdout
    assert [] == ann.json("db")["data"]


def test_deployments_of_databases_are_not_taken_for_those_of_the_app(ann: Machine) -> None:
    """They are listed with all deployments, but no command chooses them on its own."""
    ann.run("db", "create")

    status, logs = ann.run("status"), ann.run("logs", code=1)
    cancelled = ann.run("cancel", code=1)

    assert "is not deployed yet. Run: pushpaka deploy" in status.stdout
    assert "has no active deployment. Run: pushpaka deploy" in logs.stderr
    assert "has no deployment in progress" in cancelled.stderr
    assert "database:main" in ann.run("deployments", "list").stdout
    assert "database:main" in ann.run("ps").stdout
    assert [] == json.loads(ann.run("status", "--json").stdout)["recent"]
