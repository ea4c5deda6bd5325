"""A log of 100,000 lines in a page: what it weighs, how it scrolls, and that it stands still."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest
from anyio import create_task_group, sleep
from playwright.async_api import CDPSession, Locator, expect
from tests.acceptance.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.fed_logs import FedLog, page_of_some_deployment
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

MANY = 100_000
MOST_MEGABYTES = 150
LEAST_FRAMES = 50
"""A second."""
MOST_ELEMENTS = 2000
STEPS = (100, 2000, 20_000)
"""Pixels from one frame to the next."""
FRAMES = 120
SECONDS_BETWEEN_WEIGHINGS = 0.2

_SCROLL = """
([step, frames]) => new Promise((resolve) => {
  const region = document.querySelector("[role=log]");
  const { left, top, height } = region.getBoundingClientRect();
  const { port1: drawn, port2: told } = new MessageChannel();
  let [frame, empty] = [0, 0];
  const scroll = (place) => {
    region.scrollTop = place;
    requestAnimationFrame(() => told.postMessage(null));
  };
  drawn.onmessage = () => {
    const seen = document.elementFromPoint(left + 200, top + height / 2);
    if (!seen.closest(".log-line, .log-phase")) empty += 1;
    frame += 1;
    if (frame < frames) scroll(region.scrollTop + step);
    else resolve({ empty, elements: document.querySelectorAll("*").length });
  };
  scroll(0);
})
"""
_NOTE_SHIFTS = """
() => {
  window.shifts = [];
  new PerformanceObserver((list) => window.shifts.push(
    ...list.getEntries().map((entry) => entry.sources.map(({ node }) => node?.outerHTML)),
  )).observe({ type: "layout-shift" });
}
"""


async def metrics(session: CDPSession) -> Mapping[str, float]:
    answer = await session.send("Performance.getMetrics")
    return {each["name"]: each["value"] for each in answer["metrics"]}


@asynccontextmanager
async def weighed() -> AsyncIterator[list[float]]:
    """Collect the megabytes of the tab that is opened meanwhile, time and again."""
    others = renderers().keys()
    megabytes: list[float] = []

    async def weigh() -> None:
        while True:
            megabytes.extend(size for pid, size in renderers().items() if pid not in others)
            await sleep(SECONDS_BETWEEN_WEIGHINGS)

    async with create_task_group() as tasks:
        tasks.start_soon(weigh)
        yield megabytes
        await sleep(2 * SECONDS_BETWEEN_WEIGHINGS)
        tasks.cancel_scope.cancel()


def renderers() -> Mapping[int, float]:
    """Return the megabytes that each process of a tab has for itself."""
    sizes = {}
    for process in psutil.Process(os.getpid()).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "--type=renderer" in process.cmdline():
                sizes[process.pid] = process.memory_full_info().uss / 1_000_000
    return sizes


async def test_many_lines_weigh_little_and_scroll_smoothly(
    visitors: Visitors, ann: Person, repositories: Path
) -> None:
    """
    The tab that shows 100,000 lines takes less than 150 MB, from when it reads them, and has all
    that is in sight ready for more than 50 frames a second, whether it is scrolled slowly or in
    leaps. Nobody collects its garbage but itself; what the browser's tools keep is not its own.
    """
    path = await page_of_some_deployment(ann, repositories / "shop")
    frames = {}
    async with weighed() as megabytes:
        visitor = await visitors(ann)
        performance = await visitor.context.new_cdp_session(visitor.page)
        await performance.send("Performance.enable", {"timeDomain": "threadTicks"})
        log = FedLog(visitor, stored=MANY)
        await log.open(path)
        await expect(log.status).to_contain_text("100,000 lines")

        for step in STEPS:
            before = await metrics(performance)
            seen = await visitor.page.evaluate(_SCROLL, [step, FRAMES])
            after = await metrics(performance)
            frames[step] = FRAMES / (after["TaskDuration"] - before["TaskDuration"])
            assert 0 == seen["empty"]
            assert seen["elements"] < MOST_ELEMENTS
    assert max(megabytes) - log.megabytes < MOST_MEGABYTES
    assert min(frames.values()) > LEAST_FRAMES


async def test_nothing_but_the_log_moves_while_it_runs(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """
    While lines come nothing around them shifts; who scrolls up is left where they are, is told
    how many lines came, and gets to the end by one press.
    """
    log, page = FedLog(visitor, stored=500), visitor.page
    await log.open(await page_of_some_deployment(ann, repositories / "shop"))
    region = page.get_by_role("log")
    await region.scroll_into_view_if_needed()
    await page.evaluate(_NOTE_SHIFTS)

    log.send(range(501, 1501))
    await expect(log.status).to_contain_text("1,500 lines")
    await expect(page.locator(".log-seq", has_text="1500")).to_be_in_viewport()

    await region.hover()
    await page.mouse.wheel(0, -700)
    await expect(visitor.button("Follow")).to_be_visible()
    top = await until_still(region)
    log.send(range(1501, 1601))
    await expect(visitor.button("100 new lines")).to_be_visible()
    assert top == await place_of(region)
    await visitor.button("100 new lines").click()
    await expect(page.locator(".log-seq", has_text="1600")).to_be_in_viewport()

    assert [] == await page.evaluate("window.shifts")


async def until_still(region: Locator) -> float:
    """Return where a region is, once it is there twice: a wheel scrolls on for a while."""
    before, seen = -1.0, await place_of(region)
    while before != seen:
        before, seen = seen, await place_of(region)
    return seen


async def place_of(region: Locator) -> float:
    return float(await region.evaluate("(region) => region.scrollTop"))
