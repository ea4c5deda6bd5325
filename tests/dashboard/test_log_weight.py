"""A log of 100,000 lines in a page: what it weighs, how it scrolls, and that it stands still."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from attrs import define, field
from playwright.async_api import CDPSession, Locator, Route, WebSocketRoute, expect
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

MANY = 100_000
MOST_MEGABYTES = 150
LEAST_FRAMES = 50
"""A second."""
MOST_ELEMENTS = 2000

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


def line(seq: int) -> dict[str, Any]:
    """Return one line of a log like that of many programs, a tenth of them coloured or long."""
    message = f"{seq:06} GET /api/items/{seq % 977} 200 in {seq % 89} ms"
    if seq % 10 == 0:
        message = f"\x1b[32m+\x1b[0m \x1b[38;5;{seq % 256}m{message}\x1b[0m " + "and more " * 20
    return {
        "id": f"00000000-0000-4000-8000-{seq:012}",
        "deployment_id": "00000000-0000-4000-8000-000000000000",
        "seq": seq,
        "level": "info",
        "stream": "stderr" if seq % 7 == 0 else "stdout",
        "phase": "build" if seq < 1000 else "run",
        "message": message,
        "created_at": "2026-01-02T03:04:05.678Z",
    }


@define(slots=False)  # Playwright keeps its wrappers of handlers in here.
class FedLog:
    """The log of a deployment on a page, fed with lines of ours in place of the server's."""

    visitor: Visitor
    stored: int
    socket: WebSocketRoute | None = field(default=None, init=False)

    async def feed(self, path: str) -> None:
        """Open the page at *path* and wait until it has read what is stored."""
        page = self.visitor.page
        await page.route("**/api/v1/logs/*", self._history)
        await page.route_web_socket("**/api/v1/logs/*/stream?*", self._live)
        await page.goto(path)
        await expect(page.locator(".log-status")).to_contain_text("Live", timeout=60_000)

    def send(self, seqs: Sequence[int]) -> None:
        """Let more lines come."""
        assert self.socket is not None
        for seq in seqs:
            self.socket.send(json.dumps(line(seq)))

    async def _history(self, route: Route) -> None:
        wanted = parse_qs(urlsplit(route.request.url).query)
        first = int(wanted["after"][0]) + 1
        last = min(first + int(wanted["limit"][0]), self.stored + 1)
        await route.fulfill(json={"data": [line(seq) for seq in range(first, last)]})

    def _live(self, socket: WebSocketRoute) -> None:
        self.socket = socket


@pytest.fixture
async def path(ann: Person, repositories: Path) -> str:
    """Return where the page of some deployment is."""
    repository = repository_of(repositories / "shop", server("v1"))
    deployment = await ann.begin(await ann.project(repository.path))
    await ann.ask("POST", f"/deployments/{deployment['id']}/cancel")
    await ann.outcome(deployment)
    return f"/deployments/{deployment['id']}"


async def metrics(session: CDPSession) -> Mapping[str, float]:
    answer = await session.send("Performance.getMetrics")
    return {each["name"]: each["value"] for each in answer["metrics"]}


def renderers() -> Mapping[int, float]:
    """Return the megabytes that each process of a tab has for itself."""
    return {
        process.pid: process.memory_full_info().uss / 1_000_000
        for process in psutil.Process(os.getpid()).children(recursive=True)
        if "--type=renderer" in process.cmdline()
    }


async def test_many_lines_weigh_little_and_scroll_smoothly(
    visitors: Visitors, ann: Person, path: str
) -> None:
    """
    The tab that shows 100,000 lines takes less than 150 MB, and has all that is in sight ready
    for more than 50 frames a second, whether it is scrolled slowly or in leaps.
    """
    others = renderers().keys()
    visitor = await visitors(ann)
    performance = await visitor.context.new_cdp_session(visitor.page)
    await performance.send("Performance.enable", {"timeDomain": "threadTicks"})

    await FedLog(visitor, stored=MANY).feed(path)
    await expect(visitor.page.locator(".log-status")).to_contain_text("100,000 lines")
    await performance.send("HeapProfiler.collectGarbage")
    megabytes = [size for pid, size in renderers().items() if pid not in others]

    frames = {}
    for step in (100, 2000):
        before = await metrics(performance)
        seen = await visitor.page.evaluate(_SCROLL, [step, 60])
        after = await metrics(performance)
        frames[step] = 60 / (after["TaskDuration"] - before["TaskDuration"])
        assert 0 == seen["empty"]
        assert seen["elements"] < MOST_ELEMENTS
    assert max(megabytes) < MOST_MEGABYTES
    assert min(frames.values()) > LEAST_FRAMES


async def test_nothing_but_the_log_moves_while_it_runs(
    visitors: Visitors, ann: Person, path: str
) -> None:
    """
    While lines come nothing around them shifts; who scrolls up is left where they are, is told
    how many lines came, and gets to the end by one press.
    """
    visitor = await visitors(ann)
    log, page = FedLog(visitor, stored=500), visitor.page
    await log.feed(path)
    region = page.get_by_role("log")
    await region.scroll_into_view_if_needed()
    await page.evaluate(_NOTE_SHIFTS)

    log.send(range(501, 1501))
    await expect(page.locator(".log-status")).to_contain_text("1,500 lines")
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
