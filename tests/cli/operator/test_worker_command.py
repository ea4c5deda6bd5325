"""Tests `pushpaka worker` as a process, and the programs that may run next to it."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from signal import SIGINT, SIGTERM

import pytest
from tests.cli.operator.operators import Operator
from tests.served_instance import LEAN_WORKER, WORKER, without_settings
from tests.wait_until import wait_until

pytestmark = pytest.mark.suite("integration")


@pytest.fixture(autouse=True)
def database(operator: Operator) -> Path:
    """Return the path of a database outside the data directory, for the node alpha."""
    file = operator.directory / "shared.sqlite"
    operator.env.update(PUSHPAKA_DATABASE_URL=f"sqlite:///{file}", PUSHPAKA_NODE="alpha")
    return file


@contextmanager
def run_worker(
    operator: Operator, command: Sequence[str] = WORKER, **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker, which can exit before the block ends."""
    environ = {**without_settings(os.environ), **operator.environment(**env)}
    with (operator.directory / "workers.log").open("ab") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or "The worker runs" in log_of(operator))
        assert process.poll() is None, log_of(operator)
        yield process
    finally:
        process.kill()
        process.wait()


def log_of(operator: Operator) -> str:
    """Return the output of all workers."""
    return (operator.directory / "workers.log").read_text()


def has_leased_node(database: Path) -> bool:
    """Return True if a worker holds the lease of the node."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        held = "SELECT 1 FROM node_leases WHERE holder IS NOT NULL"
        return connection.execute(held).fetchone() is not None


def test_worker_runs_next_to_an_api_on_one_node(operator: Operator) -> None:
    """Other nodes are refused, and so are programs that need the data directory exclusively."""
    elsewhere = str(operator.directory / "elsewhere")
    with run_worker(operator) as worker:
        serve, down = operator.run_refused("serve"), operator.run_refused("down")
        with operator.serve(deploys=False) as api:
            health = api.get("/health")
        beta = operator.run_refused("worker", PUSHPAKA_NODE="beta")
        other = operator.run_refused("worker", PUSHPAKA_DATA_DIRECTORY=elsewhere)
        worker.send_signal(SIGINT)
        code = worker.wait()

    taken = operator.run("takeover", PUSHPAKA_DATA_DIRECTORY=elsewhere)
    late = operator.run_refused("worker")

    assert "Stop it first" in serve
    assert "Stop it first" in down
    assert 200 == health.status_code
    assert "bound to the node alpha, so the node beta cannot use it" in beta
    assert "The node alpha uses a different data directory" in other
    assert 0 == code, log_of(operator)
    assert "Traceback" not in log_of(operator)
    assert 0 == taken.code, taken.errors
    assert "Applications now run on the node alpha" in taken.output
    assert "run `pushpaka takeover` here" in late


def test_a_copied_data_directory_is_refused_while_the_original_is_in_use(
    operator: Operator, database: Path
) -> None:
    """Once the original is unused, the copy is accepted. A worker does not import the API."""
    copy = str(operator.directory / "copy")
    with run_worker(operator, LEAN_WORKER) as worker:
        wait_until(lambda: has_leased_node(database))
        shutil.copytree(operator.data_directory, copy)
        refused = operator.run_refused("worker", PUSHPAKA_DATA_DIRECTORY=copy)
        worker.send_signal(SIGTERM)
        code = worker.wait()

    with run_worker(operator, PUSHPAKA_DATA_DIRECTORY=copy):
        wait_until(lambda: has_leased_node(database))

    assert 0 == code, log_of(operator)
    assert "The data directory is a copy, and the node" in refused
    assert "The data directory was moved here." in log_of(operator)
