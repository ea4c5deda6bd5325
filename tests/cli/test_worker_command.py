"""`pushpaka worker` and `pushpaka serve --no-worker`: who may run beside whom."""

from collections.abc import Sequence
from signal import SIGINT, SIGTERM, Signals

import anyio
import pytest
from anyio.abc import Process
from tests.served import LEAN_WORKER, WORKER, Served

pytestmark = pytest.mark.anyio


async def until_deploying(served: Served, worker: Process) -> None:
    """Return once a worker says that it deploys."""
    with anyio.fail_after(30):
        while "A worker deploys" not in served.workers_log:
            assert worker.returncode is None, served.workers_log
            await anyio.sleep(0.05)


@pytest.mark.parametrize(
    ("program", "signal"),
    [pytest.param(WORKER, SIGINT, id="command"), pytest.param(LEAN_WORKER, SIGTERM, id="module")],
)
async def test_worker_ends_cleanly_within_seconds(
    unrouted: Served, program: Sequence[str], signal: Signals
) -> None:
    """As a command, and as a module where nothing of the API is installed."""
    async with unrouted.worker(program) as worker:
        await until_deploying(unrouted, worker)
        worker.send_signal(signal)
        with anyio.fail_after(10):
            code = await worker.wait()

    assert 0 == code, unrouted.workers_log
    assert "Traceback" not in unrouted.workers_log


async def test_worker_shares_with_others_and_never_with_a_serve_that_deploys(
    unrouted: Served,
) -> None:
    """What `serve` alone takes for its own is refused to others, and theirs to it."""
    async with unrouted.worker() as worker:
        await until_deploying(unrouted, worker)
        serve, down = await unrouted.run("serve"), await unrouted.run("down")
        unrouted.deploys = False
        await unrouted.start()

    for refused in (serve, down):
        assert 2 == refused.code, refused.errors
        assert "Stop it first" in refused.errors
    assert "`pushpaka worker` deploys" in unrouted.log


async def test_worker_is_refused_beside_a_serve_that_deploys(unrouted: Served) -> None:
    """The sentence names the process that has the data directory."""
    await unrouted.start()

    refused = await unrouted.run("worker")

    assert 2 == refused.code, refused.errors
    assert f"process {unrouted.pid}" in refused.errors


async def test_second_node_is_refused_until_it_takes_over(unrouted: Served) -> None:
    """By its name, and by the directory in which it would keep its files; then the first is."""
    sqlite = f"sqlite:///{unrouted.directory / 'shared.sqlite'}"
    unrouted.env |= {"PUSHPAKA_DATABASE_URL": sqlite, "PUSHPAKA_NODE": "alpha"}
    async with unrouted.worker() as worker:
        await until_deploying(unrouted, worker)
        beta = await unrouted.run("worker", PUSHPAKA_NODE="beta")
        elsewhere = str(unrouted.directory / "elsewhere")
        other = await unrouted.run("worker", PUSHPAKA_DATA_DIRECTORY=elsewhere)

    taken = await unrouted.run("takeover", PUSHPAKA_DATA_DIRECTORY=elsewhere)
    late = await unrouted.run("worker")

    assert (2, 2) == (beta.code, other.code), beta.errors + other.errors
    assert "this one's is alpha; beta cannot be a second" in beta.errors
    assert "The node alpha of this instance has its files in another data" in other.errors
    assert (0, 2) == (taken.code, late.code), taken.errors
    assert "Applications run on the node alpha" in taken.output
    assert "run `pushpaka takeover` here" in late.errors


@pytest.mark.parametrize(
    ("command", "setting"),
    [
        ("worker", {"PUSHPAKA_RUNTIME": "memory"}),
        ("serve --no-worker", {"PUSHPAKA_DATABASE_URL": "memory:"}),
    ],
)
async def test_what_one_process_has_in_memory_is_shared_with_none(
    unrouted: Served, command: str, setting: dict[str, str]
) -> None:
    """Neither with a worker nor with an API that does not deploy."""
    refused = await unrouted.run(*command.split(), **setting)

    assert 2 == refused.code, refused.errors
    assert "is known to one process only" in refused.errors
