"""Tests a page with a log of 100,000 lines: its memory, its scrolling, and its layout."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from playwright.async_api import CDPSession, Locator, expect
from tests.acceptance.tools.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.simulated_logs import SimulatedLog, page_of_some_deployment
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

MANY = 100_000
MAX_MEGABYTES = 150
MAX_FRAME_SECONDS = 1 / 50
"""A limit of CPU time in seconds, which does not depend on other programs."""
MAX_ELEMENTS = 2000
STEPS = (100, 2000, 20_000)
"""The pixels to scroll from one frame to the next, for each test run."""
FRAMES = 120

_SCROLL = """
([step, frames]) => new Promise((resolve) => {
  const region = document.querySelector("[role=log]");
  const { left, top, height } = region.getBoundingClientRect();
  const { port1: receiver, port2: sender } = new MessageChannel();
  let [frame, empty] = [0, 0];
  const scroll = (place) => {
    region.scrollTop = place;
    requestAnimationFrame(() => sender.postMessage(null));
  };
  receiver.onmessage = () => {
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


async def test_many_lines_need_little_memory_and_scroll_quickly(
    visitors: Visitors, ann: Person, repositories: Path
) -> None:
    """A tab with 100,000 lines uses at most 150 MB, and draws each frame in time.

    The test runs the garbage collector. Memory of the browser's tools does not count.
    """
    path = await page_of_some_deployment(ann, repositories / "shop")
    others = _renderers().keys()
    visitor = await visitors(ann, is_fresh=True)
    performance = await visitor.context.new_cdp_session(visitor.page)
    await performance.send("Performance.enable", {"timeDomain": "threadTicks"})
    log = SimulatedLog(visitor, stored=MANY)
    await log.open(path)
    await expect(log.status).to_contain_text("100,000 lines")

    for step in STEPS:
        before = await _metrics(performance)
        seen = await visitor.page.evaluate(_SCROLL, [step, FRAMES])
        after = await _metrics(performance)
        assert 0 == seen["empty"]
        assert seen["elements"] < MAX_ELEMENTS
        assert after["TaskDuration"] - before["TaskDuration"] < FRAMES * MAX_FRAME_SECONDS

    own = [size for pid, size in _renderers().items() if pid not in others]
    assert 0 < max(own) - log.megabytes < MAX_MEGABYTES


async def test_nothing_but_the_log_moves_while_it_runs(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """New lines move nothing around the log, which stays in place if the user scrolled up."""
    log, page = SimulatedLog(visitor, stored=500), visitor.page
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
    top = await _wait_until_still(region)
    log.send(range(1501, 1601))
    await expect(visitor.button("100 new lines")).to_be_visible()
    assert top == await _position_of(region)
    await visitor.button("100 new lines").click()
    await expect(page.locator(".log-seq", has_text="1600")).to_be_in_viewport()

    assert [] == await page.evaluate("window.shifts")


async def _metrics(session: CDPSession) -> Mapping[str, float]:
    answer = await session.send("Performance.getMetrics")
    return {each["name"]: each["value"] for each in answer["metrics"]}


def _renderers() -> Mapping[int, float]:
    """Return the peak unshared memory of each tab process, in megabytes, by process id."""
    sizes = {}
    for process in psutil.Process(os.getpid()).children(recursive=True):
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            if "--type=renderer" in process.cmdline():
                sizes[process.pid] = _peak(process.pid)
    return sizes


def _peak(pid: int) -> float:
    """Return the peak resident memory of a process, without files and shared memory."""
    lines = Path("/proc", str(pid), "status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    kibibytes = {name: int(fields[name].split()[0]) for name in ("VmHWM", "RssFile", "RssShmem")}
    return (kibibytes["VmHWM"] - kibibytes["RssFile"] - kibibytes["RssShmem"]) / 1000


async def _wait_until_still(region: Locator) -> float:
    """Wait until a region has stopped scrolling smoothly, and return its position."""
    before, seen = -1.0, await _position_of(region)
    while before != seen:
        before, seen = seen, await _position_of(region)
    return seen


async def _position_of(region: Locator) -> float:
    return float(await region.evaluate("(region) => region.scrollTop"))
