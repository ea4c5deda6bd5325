"""Somebody before the dashboard, in a browser that tells what a page should not have done."""

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
    StorageState,
    expect,
)
from tests.acceptance.people import Json
from tests.served import PASSWORD

PHONE = (390, 844)
DESKTOP = (1280, 800)

SESSION = "pushpaka.session"
"""Under which name pages keep who is signed in."""
_MOST_TABS = 60
_NAME_OF_FOCUSED = """
() => {
  const focused = document.activeElement;
  const said = focused.labels?.[0] ?? focused;
  const name = focused.getAttribute("aria-label") ?? said.firstChild?.nodeValue ?? said.innerText;
  return name.trim();
}
"""
_REFUSED = "Failed to load resource: the server responded with a status of"


@frozen(kw_only=True)
class Screen:
    """On what somebody looks at pages."""

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


@define(slots=False)  # Playwright keeps its wrappers of listeners in here.
class Visitor:
    """
    Somebody with a browser of their own, and one page of it or more.

    A page that tries what it should not, or says that something went wrong, is told in `faults`.
    """

    context: BrowserContext
    origin: str
    page: Page = field(init=False)
    faults: list[str] = field(factory=list, init=False)
    refused: list[str] = field(factory=list, init=False)
    """The answers that were no success, as in `401 POST /api/v1/auth/login`."""
    _forgiven: list[str] = field(factory=list, init=False)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        chromium: Browser,
        origin: str,
        *,
        network: str,
        screen: Screen,
        session: Json | None = None,
    ) -> AsyncIterator[Self]:
        """Give somebody, signed in where there is a session; fail if a page was at fault."""
        width, height = screen.size
        storage: StorageState = {"origins": [{"origin": origin, "localStorage": []}]}
        if session is not None:
            kept = storage["origins"][0]["localStorage"]
            kept.append({"name": SESSION, "value": json.dumps(session)})
        context = await chromium.new_context(
            base_url=origin,
            viewport={"width": width, "height": height},
            has_touch=screen.size == PHONE,
            is_mobile=screen.size == PHONE,
            color_scheme="dark" if screen.is_dark else "light",
            locale="en-GB",
            timezone_id="UTC",
            extra_http_headers={"X-Forwarded-For": network},
            storage_state=storage,
        )
        context.set_default_timeout(30_000)
        visitor = cls(context, origin)
        visitor.page = await visitor.another_tab()
        try:
            yield visitor
        finally:
            await context.close()
        found = [*visitor.faults, *visitor.refused]
        assert not found, "\n".join(found)

    async def another_tab(self) -> Page:
        """Open one more page of the same browser."""
        page = await self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", self._notice_error)
        page.on("dialog", self._dismiss)
        page.on("request", self._notice_request)
        page.on("response", self._notice_response)
        return page

    def forgive(self, *words: str) -> None:
        """Pass over, until the end, faults that have one of these words in them."""
        self._forgiven += words
        self.faults[:] = filter(self._counts, self.faults)

    def expect_refused(self, *answers: str) -> None:
        """Take these to be all the refusals so far, and right."""
        assert list(answers) == self.refused
        self.refused.clear()

    async def go(self, path: str) -> None:
        """Load the page at *path* anew, and wait until all of it is there."""
        await self.page.goto(path)
        await self.settled()

    async def settled(self) -> None:
        """Wait until nothing on the page is still being loaded."""
        await expect(self.page.locator("h1")).to_be_visible()
        await expect(self.page.locator(".skeleton")).to_have_count(0)

    async def keep(self, session: Json) -> None:
        """Have the browser keep another session from now on."""
        keep = "([name, value]) => localStorage.setItem(name, value)"
        await self.page.evaluate(keep, [SESSION, json.dumps(session)])

    async def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """Fill in and send the form that is before them."""
        await self.field("E-mail").fill(email)
        await self.field("Password").fill(password)
        await self.button("Sign in").click()

    async def tab_to(self, name: str) -> None:
        """Press Tab until the keyboard is at what is called so."""
        for _ in range(_MOST_TABS):
            await self.page.keyboard.press("Tab")
            if name == await self.page.evaluate(_NAME_OF_FOCUSED):
                return
        msg = f"The keyboard does not get to {name}."
        raise AssertionError(msg)

    async def press(self, name: str, key: str = "Enter") -> None:
        """Go to what is called so by the keyboard, and press a key on it."""
        await self.tab_to(name)
        await self.page.keyboard.press(key)

    async def type(self, name: str, text: str) -> None:
        """Go to the field that is called so by the keyboard, and type."""
        await self.tab_to(name)
        await self.page.keyboard.type(text)

    @property
    def dialog(self) -> Locator:
        """The question that stands before everything else."""
        return self.page.get_by_role("dialog")

    def button(self, name: str) -> Locator:
        """Find a button by what it says."""
        return self.page.get_by_role("button", name=name, exact=True)

    def field(self, name: str) -> Locator:
        """Find a field of text by its label."""
        return self.page.get_by_role("textbox", name=name, exact=True)

    def link(self, name: str) -> Locator:
        """Find a link by what it says."""
        return self.page.get_by_role("link", name=name, exact=True)

    def heading(self, name: str) -> Locator:
        """Find a heading by what it says."""
        return self.page.get_by_role("heading", name=name, exact=True)

    def line(self, text: str) -> Locator:
        """Find the lines in sight of a log that say just this."""
        return self.page.locator(".log-list").get_by_text(text, exact=True)

    def status(self, word: str) -> Locator:
        """Find what says first, beside the heading, how the thing of the page stands."""
        return self.page.locator("header.page-head .status", has_text=word)

    def says(self, text: str) -> Locator:
        """Find an element by all that it says."""
        return self.page.get_by_text(text, exact=True)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_REFUSED):
            self._note(f"{message.type}: {message.text}")

    def _notice_error(self, error: Error) -> None:
        self._note(f"uncaught: {error.message}")

    async def _dismiss(self, dialog: Dialog) -> None:
        self._note(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _notice_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme != "data" and f"{address.scheme}://{address.netloc}" != self.origin:
            self._note(f"request: {request.url}")

    def _notice_response(self, response: Response) -> None:
        if response.status >= 400:
            path = urlsplit(response.url).path
            self.refused.append(f"{response.status} {response.request.method} {path}")

    def _note(self, fault: str) -> None:
        if self._counts(fault):
            self.faults.append(fault)

    def _counts(self, fault: str) -> bool:
        return not any(word in fault for word in self._forgiven)
