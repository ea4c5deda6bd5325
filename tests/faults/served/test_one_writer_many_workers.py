"""Kills of workers that replace the only writer of a volume, while other workers run."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from signal import SIGKILL

import pytest
from anyio import fail_after, to_thread
from tests.acceptance.tools.people import PATIENCE
from tests.faults.served.instances import WITH_TAKEOVERS
from tests.faults.served.resources import wait_until_cleaned_up
from tests.faults.served.writers import (
    Replacement,
    Shop,
    open_shop,
    pids_of,
    wait_until_confirmed,
    writing,
)
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.domain.platform.failpoints import HELD, PROBE, VACATED

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

KILLS = (
    ("deployment", (HELD, PROBE)),
    ("rollback", (VACATED, PROBE)),
    ("restart", (HELD, HELD)),
)
"""The operations, with the step at which each of two workers is killed."""


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[ServedInstance]:
    """Yield an instance whose API does not deploy."""
    async with open_served(**WITH_TAKEOVERS) as served:
        served.deploys = False
        yield await served.start()


@pytest.fixture(scope="module")
async def shop(served: ServedInstance) -> AsyncIterator[Shop]:
    """Return an application that all tests share. Each of them may add versions."""
    async with AsyncExitStack() as opened:
        async with served.worker():
            shop = await opened.enter_async_context(open_shop(served))
        yield shop


@pytest.mark.parametrize(("operation", "steps"), KILLS)
async def test_a_worker_takes_over_from_a_killed_one_as_the_only_writer(
    served: ServedInstance, shop: Shop, operation: str, steps: tuple[str, str]
) -> None:
    """Each worker stops the instances that the killed one may have started, before it continues."""
    async with served.worker():
        replacement = await Replacement.prepare(shop, operation)
    before = await to_thread.run_sync(pids_of, served, replacement.active["id"])
    first, second = ({"PUSHPAKA_TEST_FAILPOINT": f"{step}:kill"} for step in steps)

    async with (
        writing(shop.owner, shop.project) as writer,
        served.worker(**first) as one,
        served.worker(**second) as other,
    ):
        await wait_until_confirmed(writer)
        await replacement.request()
        with fail_after(PATIENCE):
            codes = await one.wait(), await other.wait()
        async with served.worker():
            running = await replacement.wait_until_done(served, before)
            await wait_until_confirmed(writer)
            await wait_until_cleaned_up(served)
    entries = (await shop.owner.read(shop.project, "/entries")).split()

    assert (-SIGKILL, -SIGKILL) == codes, served.workers_log
    assert "running" == running["status"], running["error"]
    assert writer.confirmed <= {*entries}
    assert "" == shop.second_writers
