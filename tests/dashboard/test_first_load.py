"""The page is there at once: little comes over the wire, and nothing jumps."""

from typing import Any

import pytest
from playwright.async_api import expect
from tests.dashboard.conftest import Visitors
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

WEIGHT = 100_000
"""Bytes of all that the first page needs, as they are sent."""
PATIENCE = 1000
"""Milliseconds until somebody can sign in."""
_VISITS = 10
"""How often it is tried: what else a machine is busy with says nothing about the page."""

_NOTE_WHEN_USABLE = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("form button[type=submit]:enabled")) return;
  window.usableAfter = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });
"""


async def test_the_first_page_is_light_and_soon_usable(visitors: Visitors) -> None:
    """Somebody who comes for the first time can sign in within a second, and has paid little."""
    usable: list[float] = []
    while len(usable) < _VISITS and min(usable, default=PATIENCE) >= PATIENCE:
        sent, milliseconds = await _load(await visitors())
        usable.append(milliseconds)

    assert 0 < sum(sent.values()) < WEIGHT
    assert min(usable) < PATIENCE


async def test_whoever_comes_again_is_sent_nothing_twice(visitors: Visitors) -> None:
    """Files are kept by the browser for as long as they are the same."""
    visitor = await visitors()
    await _load(visitor)

    sent, _ = await _load(visitor)

    assert [f"{visitor.origin}/"] == [url for url, size in sent.items() if size]


async def _load(visitor: Visitor) -> tuple[dict[str, int], float]:
    """Return the bytes of each file that comes, and after how many milliseconds it is usable."""
    wire = await visitor.context.new_cdp_session(visitor.page)
    await wire.send("Network.enable")
    urls: dict[str, str] = {}
    sent: dict[str, int] = {}

    def arrived(event: dict[str, Any]) -> None:
        sent[urls[event["requestId"]]] = int(event["encodedDataLength"])

    wire.on(
        "Network.requestWillBeSent",
        lambda event: urls.update({event["requestId"]: event["request"]["url"]}),
    )
    wire.on("Network.loadingFinished", arrived)
    await visitor.page.add_init_script(_NOTE_WHEN_USABLE)
    await visitor.go("/")
    await expect(visitor.button("Sign in")).to_be_enabled()
    await wire.detach()
    return sent, float(await visitor.page.evaluate("usableAfter"))
