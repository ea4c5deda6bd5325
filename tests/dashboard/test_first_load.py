"""Tests that the first page is small, and that browsers cache its files."""

from typing import Any

import pytest
from playwright.async_api import expect
from tests.dashboard.conftest import Visitors
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

MAX_BYTES = 100_000
"""The maximum number of transferred bytes for the first page."""


async def test_first_page_is_small_and_its_files_are_cached(visitors: Visitors) -> None:
    """A second visit only downloads the page, and may check whether accounts exist."""
    visitor = await visitors(is_fresh=True)

    first = await _load(visitor)
    second = await _load(visitor)

    assert 0 < sum(first.values()) < MAX_BYTES
    downloaded = {url for url, size in second.items() if size}
    assert {f"{visitor.origin}/"} == downloaded - {f"{visitor.origin}/setup"}


async def _load(visitor: Visitor) -> dict[str, int]:
    """Load the first page until it can be used, and return the size of each response in bytes."""
    wire = await visitor.context.new_cdp_session(visitor.page)
    await wire.send("Network.enable")
    urls: dict[str, str] = {}
    sent: dict[str, int] = {}

    def record_size(event: dict[str, Any]) -> None:
        if url := urls.get(event["requestId"]):  # None if the previous page has requested it.
            sent[url] = int(event["encodedDataLength"])

    wire.on(
        "Network.requestWillBeSent",
        lambda event: urls.update({event["requestId"]: event["request"]["url"]}),
    )
    wire.on("Network.loadingFinished", record_size)
    await visitor.go("/")
    await expect(visitor.button("Sign in")).to_be_enabled()
    await wire.detach()
    return sent
