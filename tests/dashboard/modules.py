"""Opens the modules of the dashboard without a page around them."""

import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, Route

import pushpaka_http

_ROOT = Path(pushpaka_http.__file__).parent / "dashboard" / "page"
_ORIGIN = "http://modules.example"


@asynccontextmanager
async def open_modules(chromium: Browser) -> AsyncIterator[Page]:
    """Yield an empty page that can import the modules of the dashboard."""
    page = await chromium.new_page()
    await page.route(f"{_ORIGIN}/**", _answer)
    await page.goto(f"{_ORIGIN}/")
    yield page
    await page.close()


async def _answer(route: Route) -> None:
    path = route.request.url.removeprefix(f"{_ORIGIN}/")
    if not path:
        await route.fulfill(body="<!doctype html><title>Modules</title>", content_type="text/html")
        return
    kind = mimetypes.guess_type(path)[0]
    await route.fulfill(path=_ROOT / path, content_type=kind or "text/javascript")
