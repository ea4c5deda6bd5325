"""A dashboard user, in a browser that records forbidden actions of pages."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self
from urllib.parse import urlsplit

from attrs import define, field, frozen
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Locator,
    Page,
    Request,
    Response,
    Route,
    expect,
)
from tests.acceptance.tools.people import Json
from tests.served_instance import PASSWORD

PHONE = (390, 844)
DESKTOP = (1280, 800)

SESSION = "pushpaka.session"
"""The key under which pages store the session."""
_MAX_TABS = 60
_BLANK = "/blank"
"""A path to which the test responds, for a page that only accesses the storage."""
_STORE = """
(entry) => {
  localStorage.clear();
  if (entry) localStorage.setItem(...entry);
}
"""
_END_TRANSITIONS = """
() => Promise.all(document.getAnimations()
  .filter((each) => each instanceof CSSTransition)
  .map((each) => each.finished.catch(() => {})))
"""
_NAME_OF_FOCUSED = """
() => {
  const focused = document.activeElement;
  const label = focused.labels?.[0] ?? focused;
  const name = focused.getAttribute("aria-label") ?? label.firstChild?.nodeValue ?? label.innerText;
  return name.trim();
}
"""
_REFUSED = "Failed to load resource: the server responded with a status of"


@frozen(kw_only=True)
class Screen:
    """The size and the color scheme of a screen."""

    size: tuple[int, int] = DESKTOP
    is_dark: bool = False

    @property
    def name(self) -> str:
        device = "phone" if self.size == PHONE else "desktop"
        return f"{device}-{'dark' if self.is_dark else 'light'}"


DESKTOP_LIGHT = Screen()
SCREENS: Sequence[Screen] = tuple(
    Screen(size=size, is_dark=is_dark) for size in (DESKTOP, PHONE) for is_dark in (False, True)
)
AUDITED = (SCREENS[0], SCREENS[-1])
"""Screens of both sizes and both color schemes."""


@define
class ContextPool:
    """Reuses browser contexts, because creating a context takes a second of CPU time."""

    chromium: Browser
    origin: str
    _idle: list[BrowserContext] = field(factory=list, init=False)

    @asynccontextmanager
    async def open(self, *, is_fresh: bool) -> AsyncIterator[BrowserContext]:
        """Yield a context without pages and sessions. If *is_fresh*, its cache is empty."""
        context = self._idle.pop() if self._idle and not is_fresh else await self._new()
        try:
            yield context
        finally:
            if is_fresh:
                await context.close()
            else:
                await _reset(context)
                self._idle.append(context)

    async def _new(self) -> BrowserContext:
        context = await self.chromium.new_context(
            base_url=self.origin, locale="en-GB", timezone_id="UTC"
        )
        context.set_default_timeout(30_000)
        return context


async def _reset(context: BrowserContext) -> None:
    for page in context.pages:
        await page.close()
    await context.set_offline(False)
    await context.clear_permissions()
    await context.clear_cookies()
    await context.unroute_all()


@define(slots=False)  # Playwright keeps its wrappers of listeners in here.
class Visitor:
    """A user with a separate browser, and one or more pages in it.

    Errors and forbidden actions of pages are recorded in `faults`.
    """

    context: BrowserContext
    origin: str
    page: Page = field(init=False)
    faults: list[str] = field(factory=list, init=False)
    refused: list[str] = field(factory=list, init=False)
    """The failed responses, for example `401 POST /api/v1/auth/login`."""
    _forgiven: list[str] = field(factory=list, init=False)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        contexts: ContextPool,
        *,
        network: str,
        screen: Screen,
        session: Json | None = None,
        is_fresh: bool = False,
    ) -> AsyncIterator[Self]:
        """Yield a user, who is signed in if there is a session. Fail if a page had a fault."""
        async with contexts.open(is_fresh=is_fresh) as context:
            await context.set_extra_http_headers({"X-Forwarded-For": network})
            visitor = cls(context, contexts.origin)
            visitor.page = await context.new_page()
            await visitor.change_screen(screen)
            await visitor.page.route(f"**{_BLANK}", _answer_blank)
            await visitor.page.goto(_BLANK)
            entry = session and [SESSION, json.dumps(session)]
            await visitor.page.evaluate(_STORE, entry)
            await visitor.page.unroute(f"**{_BLANK}")
            visitor._listen(visitor.page)
            yield visitor
        found = [*visitor.faults, *visitor.refused]
        assert not found, "\n".join(found)

    async def change_screen(self, screen: Screen) -> None:
        """Show the page on another screen, and wait until the colors have changed."""
        width, height = screen.size
        await self.page.set_viewport_size({"width": width, "height": height})
        await self.page.emulate_media(color_scheme="dark" if screen.is_dark else "light")
        await self.page.evaluate(_END_TRANSITIONS)

    async def another_tab(self) -> Page:
        """Open another page in the same browser."""
        page = await self.context.new_page()
        self._listen(page)
        return page

    def _listen(self, page: Page) -> None:
        page.on("console", self._record_message)
        page.on("pageerror", self._record_error)
        page.on("dialog", self._dismiss_dialog)
        page.on("request", self._record_request)
        page.on("response", self._record_response)

    def ignore_faults(self, *words: str) -> None:
        """Ignore later faults that contain one of these words."""
        self._forgiven += words
        self.faults[:] = filter(self._is_unexpected, self.faults)

    def require_failed_responses(self, *answers: str) -> None:
        """Require that exactly these responses have failed so far, and clear them."""
        assert list(answers) == self.refused
        self.refused.clear()

    async def go(self, path: str) -> None:
        """Load the page at *path*, and wait until it is complete."""
        await self.page.goto(path)
        await self.wait_until_loaded()

    async def wait_until_loaded(self) -> None:
        """Wait until nothing on the page is loading."""
        await expect(self.page.locator("h1")).to_be_visible()
        await expect(self.page.locator(".skeleton")).to_have_count(0)

    async def store_session(self, session: Json) -> None:
        """Replace the session that the browser stores."""
        keep = "([name, value]) => localStorage.setItem(name, value)"
        await self.page.evaluate(keep, [SESSION, json.dumps(session)])

    async def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """Fill in and submit the sign-in form."""
        await self.field("Email").fill(email)
        await self.field("Password").fill(password)
        await self.button("Sign in").click()

    async def tab_to(self, name: str) -> None:
        """Press Tab until the element with this name has the focus."""
        for _ in range(_MAX_TABS):
            await self.page.keyboard.press("Tab")
            if name == await self.page.evaluate(_NAME_OF_FOCUSED):
                return
        msg = f"The keyboard does not get to {name}."
        raise AssertionError(msg)

    async def press(self, name: str, key: str = "Enter") -> None:
        """Move the focus to an element with the keyboard, and press a key on it."""
        await self.tab_to(name)
        await self.page.keyboard.press(key)

    async def type(self, name: str, text: str) -> None:
        """Move the focus to a field with the keyboard, and type *text*."""
        await self.tab_to(name)
        await self.page.keyboard.type(text)

    @property
    def dialog(self) -> Locator:
        """The open dialog."""
        return self.page.get_by_role("dialog")

    def button(self, name: str) -> Locator:
        """Find a button by its text."""
        return self.page.get_by_role("button", name=name, exact=True)

    async def confirm(self, action: str) -> None:
        """Press a button of the open dialog."""
        await self.dialog.get_by_role("button", name=action, exact=True).click()

    def field(self, name: str) -> Locator:
        """Find a text field by its label."""
        return self.page.get_by_role("textbox", name=name, exact=True)

    def link(self, name: str) -> Locator:
        """Find a link by its text."""
        return self.page.get_by_role("link", name=name, exact=True)

    def heading(self, name: str) -> Locator:
        """Find a heading by its text."""
        return self.page.get_by_role("heading", name=name, exact=True)

    def line(self, text: str) -> Locator:
        """Find the visible log lines with exactly this text."""
        return self.page.locator(".log-list").get_by_text(text, exact=True)

    def status(self, word: str) -> Locator:
        """Find the status next to the heading of the page."""
        return self.page.locator("header.page-head .status", has_text=word)

    def says(self, text: str) -> Locator:
        """Find an element by its complete text."""
        return self.page.get_by_text(text, exact=True)

    def _record_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_REFUSED):
            self._record_fault(f"{message.type}: {message.text}")

    def _record_error(self, error: Error) -> None:
        self._record_fault(f"uncaught: {error.message}")

    async def _dismiss_dialog(self, dialog: Dialog) -> None:
        self._record_fault(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _record_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme != "data" and f"{address.scheme}://{address.netloc}" != self.origin:
            self._record_fault(f"request: {request.url}")

    def _record_response(self, response: Response) -> None:
        if response.status >= 400:
            path = urlsplit(response.url).path
            self.refused.append(f"{response.status} {response.request.method} {path}")

    def _record_fault(self, fault: str) -> None:
        if self._is_unexpected(fault):
            self.faults.append(fault)

    def _is_unexpected(self, fault: str) -> bool:
        return not any(word in fault for word in self._forgiven)


async def _answer_blank(route: Route) -> None:
    await route.fulfill(body="<!doctype html>", content_type="text/html")
