"""Kills of each program at each step of a cutover between two versions that cannot run at once."""

from collections.abc import AsyncIterator

import httpx
import pytest
from anyio import create_task_group, fail_after, sleep, to_thread
from tests.acceptance.tools.people import PATIENCE, Json
from tests.faults.served.instances import FAST, wait_for_response
from tests.faults.served.writers import (
    LOST,
    Shop,
    Writer,
    kill_program,
    kill_shims,
    open_shop,
    pids_of,
)
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.adapters.traefik.gate.configuration import SERVICE_HEADER

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

STEPS = ("holding", "stopping", "starting", "released")
"""
The steps of a cutover.

Requests are held while the old version finishes its last request. Then the old version stops, the
new version starts, and the new version handles the held requests.
"""
KILLED = ("gate", "traefik", "shim")


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[ServedInstance]:
    async with open_served(**FAST) as served:
        yield await served.start()


@pytest.fixture(scope="module")
async def shop(served: ServedInstance) -> AsyncIterator[Shop]:
    """Return an application that all tests share. Each of them adds a version."""
    async with open_shop(served) as shop:
        yield shop


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("killed", KILLED)
async def test_killed_program_leaves_one_writer_and_every_write(
    served: ServedInstance, shop: Shop, killed: str, step: str
) -> None:
    """The version that its status reports is active, and every confirmed write is kept."""
    old, new = await shop.owner.read(shop.project), f"{killed}-{step}"
    shop.change(new)
    shop.pause(step, old if step in {"holding", "stopping"} else new)
    active = await shop.active_deployment()

    async with httpx.AsyncClient(timeout=90, trust_env=False) as http, create_task_group() as tasks:
        writers = [Writer(shop.owner, shop.project, http) for _ in range(2)]
        if step == "holding":
            tasks.start_soon(writers[0].ask, "/open")
            await _wait_until_reached(served, shop, step, old)
        for writer in writers:
            tasks.start_soon(writer.run)
        deployment = await shop.owner.begin(shop.project)
        await _wait_until_reached(served, shop, step, old, new)
        await _kill(served, killed, active if step in {"holding", "stopping"} else deployment)
        shop.resume(step)
        ended = await shop.owner.outcome(deployment)
        is_running = ended["status"] == "running"
        await wait_for_response(shop.owner, shop.project, new if is_running else old)
        for writer in writers:
            writer.is_over = True
    entries = (await shop.owner.read(shop.project, "/entries")).split()

    confirmed = set().union(*(writer.confirmed for writer in writers))
    failures = {answer for writer in writers for answer in writer.failures}
    assert ended["status"] in {"running", "failed"}, ended
    assert killed == "shim" or is_running, ended["error"]
    assert set() < confirmed <= set(entries)
    assert "" == shop.second_writers
    assert failures <= _possible_failures(killed, step)


def _possible_failures(killed: str, step: str) -> set[str]:
    """Return the responses that requests may get when *killed* dies, and until it is back."""
    if killed == "shim" and step == "starting":
        return {"invited"}  # They are all at the gate.
    return {"invited", LOST, "502"}


async def _kill(served: ServedInstance, killed: str, deployment: Json) -> None:
    """Kill the shim of *deployment*, or kill a router program and wait for its restart."""
    if killed == "shim":
        await to_thread.run_sync(kill_shims, deployment)
        return
    before = await to_thread.run_sync(pids_of, served, killed)
    await to_thread.run_sync(kill_program, served, killed)
    with fail_after(PATIENCE):
        while not await to_thread.run_sync(pids_of, served, killed) - before:
            await sleep(0.05)


async def _wait_until_reached(
    served: ServedInstance, shop: Shop, step: str, *versions: str
) -> None:
    """
    Wait until one of *versions* pauses at *step*.

    If there are two versions and the step is "holding", also wait until requests are held.
    """
    with fail_after(PATIENCE):
        while not any(shop.has_reached(step, version) for version in versions):
            await sleep(0.02)
        while step == "holding" and len(versions) > 1 and not _are_requests_held(served):
            await sleep(0.02)


def _are_requests_held(served: ServedInstance) -> bool:
    (routes,) = served.data_directory.glob("*/routes.yml")
    return SERVICE_HEADER in routes.read_text()
