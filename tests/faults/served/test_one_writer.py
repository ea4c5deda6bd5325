"""Tests an application that must be the only writer of its volume, over deployments and kills."""

from collections.abc import AsyncIterator
from contextlib import suppress
from signal import SIGKILL
from typing import Any

import httpx
import pytest
from anyio import to_thread
from tests.acceptance.tools.people import Json
from tests.faults.served.instances import FAST, open_instance, restart, revive, wait_for_response
from tests.faults.served.resources import wait_until_cleaned_up
from tests.faults.served.visitors import Visits, visit
from tests.faults.served.writers import (
    LOST,
    Replacement,
    Shop,
    kill_program,
    kill_shims,
    open_shop,
    pids_of,
    wait_for_other_pids,
    wait_until_confirmed,
    writing,
)
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.platform.failpoints import COMMIT, HELD, PROBE, SWITCHED, VACATED

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

KILLED_AT = ((HELD, COMMIT), (VACATED,), (Phase.START, SWITCHED), (PROBE,), (Phase.SWITCH,))
"""The steps at which serve is killed. Some deployments are killed twice."""
KILLS = (
    *(("deployment", steps) for steps in KILLED_AT),
    *(("rollback", steps) for steps in KILLED_AT),
    ("restart", (HELD, VACATED)),
)
"""The operations that replace the only writer, with the steps at which serve is killed."""


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[ServedInstance]:
    async with open_served(**FAST) as served:
        await served.start()
        yield served


@pytest.fixture
async def instance(served: ServedInstance) -> AsyncIterator[ServedInstance]:
    async with open_instance(served) as instance:
        yield instance


@pytest.fixture
async def shop(instance: ServedInstance) -> AsyncIterator[Shop]:
    async with open_shop(instance) as shop:
        yield shop


def unexpected(visits: Visits) -> list[str]:
    """Return the failures, except for the page that visitors get after a hold of 30 s."""
    return [text for text in visits.failures if "is not available right now" not in text]


async def test_no_request_fails_during_deployments_rollbacks_and_restarts(
    instance: ServedInstance, shop: Shop
) -> None:
    owner, project = shop.owner, shop.project
    async with visit(owner, project) as (visits,):
        for version in ("v1", "v2"):
            shop.change(version)
            last = await owner.deploy(project)
        before = await to_thread.run_sync(pids_of, instance, last["id"])
        await owner.ask("POST", f"/deployments/{last['id']}/restart")
        await wait_for_other_pids(instance, last, before)
        first = min(await _deployments(shop), key=lambda each: each["sequence"])
        await owner.roll_back(first)
        await wait_for_response(shop.owner, shop.project, "v0")

    assert [] == visits.failures
    assert ["v0", "v1", "v2", "v0"] == _changes(visits)


async def test_broken_version_returns_the_requests_to_the_old_one(shop: Shop) -> None:
    shop.change("broken")
    async with visit(shop.owner, shop.project) as (visits,):
        failed = await shop.owner.outcome(await shop.owner.begin(shop.project))
        await wait_for_response(shop.owner, shop.project, "v0")

    assert "failed" == failed["status"]
    assert [] == visits.failures
    assert ["v0"] == _changes(visits)


@pytest.mark.parametrize(("operation", "steps"), KILLS)
async def test_kills_of_serve_at_any_step_leave_one_writer(
    instance: ServedInstance, shop: Shop, operation: str, steps: tuple[str, ...]
) -> None:
    """Requests are held until another process continues, and no confirmed write is lost."""
    replacement = await Replacement.prepare(shop, operation)
    before = await to_thread.run_sync(pids_of, instance, replacement.active["id"])
    await restart(instance, {"PUSHPAKA_TEST_FAILPOINT": f"{steps[0]}:kill"})

    async with (
        visit(shop.owner, shop.project) as (visits,),
        writing(shop.owner, shop.project) as writer,
    ):
        with suppress(httpx.TransportError):
            await replacement.request()
        codes = [await revive(instance, next_failpoint=then) for then in (*steps[1:], "")]
        running = await replacement.wait_until_done(instance, before)
        await wait_until_confirmed(writer)
    await wait_until_cleaned_up(instance)

    assert set() < writer.confirmed <= await _entries(shop)
    assert {-SIGKILL} == set(codes)
    assert "running" == running["status"], running["error"]
    assert [] == unexpected(visits)
    assert replacement.versions == _changes(visits)


async def test_a_killed_shim_leaves_one_writer(shop: Shop) -> None:
    """The next version starts only when the program itself has ended."""
    (active,) = await _deployments(shop)

    await to_thread.run_sync(kill_shims, active)
    shop.change("v1")
    await shop.owner.deploy(shop.project)
    await wait_for_response(shop.owner, shop.project, "v1")


async def test_a_crashed_writer_is_replaced_by_one_writer(
    instance: ServedInstance, shop: Shop
) -> None:
    """Requests are held during the restart, and no confirmed write is lost."""
    (active,) = await _deployments(shop)
    before = await to_thread.run_sync(pids_of, instance, active["id"])

    async with writing(shop.owner, shop.project) as writer:
        await wait_until_confirmed(writer)
        await to_thread.run_sync(kill_program, instance, active["id"])
        await wait_for_other_pids(instance, active, before)
        await wait_until_confirmed(writer)

    assert writer.confirmed <= await _entries(shop)
    assert set(writer.failures) <= {LOST, "502"}


async def _entries(shop: Shop) -> set[str]:
    return set((await shop.owner.read(shop.project, "/entries")).split())


async def _deployments(shop: Shop) -> list[Json]:
    listed = await shop.owner.ask("GET", f"/deployments?project_id={shop.project['id']}")
    return list(listed["data"])


def _changes(visits: Visits) -> list[Any]:
    """Return the responses without consecutive duplicates."""
    answers = visits.answers
    return [text for n, text in enumerate(answers) if n == 0 or text != answers[n - 1]]
