"""Logs that tests send to a page instead of a server."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from attrs import define, field
from playwright.async_api import Locator, Route, WebSocketRoute, expect
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import Person
from tests.dashboard.visitors import Visitor


async def page_of_some_deployment(owner: Person, directory: Path) -> str:
    """Return the path of the page of a canceled deployment."""
    repository = repository_of(directory, server("v1"))
    deployment = await owner.begin(await owner.project(repository.path))
    await owner.ask("POST", f"/deployments/{deployment['id']}/cancel")
    await owner.outcome(deployment)
    return f"/deployments/{deployment['id']}"


def line(seq: int) -> dict[str, Any]:
    """Return a log line in the format of the API. Every tenth line is long and colored."""
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
class SimulatedLog:
    """A log on a page to which the test sends lines."""

    visitor: Visitor
    stored: int
    refusals: list[dict[str, str]] = field(factory=list)
    """The headers of responses with status 429 before the first success."""
    afters: list[int] = field(factory=list, init=False)
    """The value of the `after` parameter of each connection."""
    megabytes: float = field(default=0, init=False)
    """The size of all responses, which the browser's tools keep in the memory of the tab."""
    _socket: WebSocketRoute | None = field(default=None, init=False)

    @property
    def status(self) -> Locator:
        """The status line below the log."""
        return self.visitor.page.locator(".log-status")

    async def open(self, path: str) -> None:
        """Open the page at *path*, and wait until it has loaded the stored lines."""
        page = self.visitor.page
        await page.route("**/api/v1/logs/*", self._history)
        await page.route_web_socket("**/api/v1/logs/*/stream?*", self._live)
        await page.goto(path)
        await expect(self.status).to_contain_text("Live", timeout=60_000)

    def send(self, seqs: Iterable[int]) -> None:
        """Send the lines with these sequence numbers."""
        assert self._socket is not None
        for seq in seqs:
            self._socket.send(json.dumps(line(seq)))

    async def close(self, code: int) -> None:
        """Close the connection as a server does."""
        assert self._socket is not None
        await self._socket.close(code=code)

    async def _history(self, route: Route) -> None:
        if self.refusals:
            body = {"error": "You ask too often.", "code": "rate_limited", "request_id": "1"}
            await route.fulfill(status=429, json=body, headers=self.refusals.pop())
            return
        wanted = parse_qs(urlsplit(route.request.url).query)
        first = int(wanted["after"][0]) + 1
        last = min(first + int(wanted["limit"][0]), self.stored + 1)
        page = {"data": [line(seq) for seq in range(first, last)]}
        text = json.dumps(page, separators=(",", ":"))
        self.megabytes += len(text) / 1_000_000
        await route.fulfill(body=text, content_type="application/json")

    def _live(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        self.afters.append(int(parse_qs(urlsplit(socket.url).query)["after"][0]))
