"""Error pages for applications that are down, and for hosts without an application."""

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from pushpaka_core.ports.router import Route

TITLE_HEADER = "X-Pushpaka-Title"
"""The request header with the title of the application, from the router to the page server."""
STATE_HEADER = "X-Pushpaka-State"
"""The request header with the reason in one word, if there is a specific one."""

UNROUTED_HEADERS: Mapping[str, str] = {TITLE_HEADER: "", STATE_HEADER: "unrouted"}
"""Request headers that select the page of a host without an application."""

_STOPPED = "stopped"
_UNTITLED = "This application"
_TITLE = f"{{http.request.header.{TITLE_HEADER}}}"
_HOST = "{http.request.host}"


@frozen(kw_only=True)
class _Page:
    """An error page, as HTML and as plain text."""

    title: str
    heading: str
    """The title as HTML."""
    advice: str
    """The advice for a visitor."""
    text: str
    """The page as one line of plain text, for programs."""
    status: int = 503
    retry_after: int | None = None
    """The value of the Retry-After header in seconds. None omits the header."""

    @property
    def html(self) -> str:
        return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{self.title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{
  margin: 0; min-height: 100vh; display: grid; place-items: center;
  font: 1.0625rem/1.6 system-ui, sans-serif; color: #1f2933; background: #f6f7f9;
}}
main {{ max-width: 34rem; padding: 2rem; overflow-wrap: anywhere }}
h1 {{ font-size: 1.625rem; line-height: 1.3; margin: 0 0 1rem }}
a {{ color: #0b57d0 }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #e4e7eb; background: #14181d }}
  a {{ color: #8ab4f8 }}
}}
</style>
</head>
<body>
<main>
<h1>{self.heading}</h1>
<p>{self.advice}</p>
<p><a href="">Try again</a></p>
</main>
</body>
</html>
"""


def _application_page(state: str, *, html_advice: str, text_advice: str, retry_after: int) -> _Page:
    return _Page(
        title=f"{_TITLE} {state}",
        heading=f"<bdi>{_TITLE}</bdi> {state}",
        advice=html_advice,
        text=f"{_HOST} {state}. {text_advice}\n",
        retry_after=retry_after,
    )


_DOWN_PAGE = _application_page(
    "is not available right now",
    html_advice=(
        "Try again in a few seconds. The owner can find the reason in the application's log."
    ),
    text_advice="Try again in a few seconds.",
    retry_after=5,
)
_STOPPED_PAGE = _application_page(
    "is stopped",
    html_advice="The owner has stopped this application. Try again after it has been started.",
    text_advice="Try again after its owner has started it.",
    retry_after=60,
)
_NO_APPLICATION = "There is no application at this address"
_UNROUTED_PAGE = _Page(
    title=_NO_APPLICATION,
    heading=_NO_APPLICATION,
    advice="Check the address. The application may have been deleted, or may not be deployed yet.",
    # The host name is omitted, because clients can set it to anything.
    text=f"{_NO_APPLICATION}. Check the host name.\n",
    status=404,
)

_HEADERS = {
    "Cache-Control": ["no-store"],
    "Content-Security-Policy": ["default-src 'none'; style-src 'unsafe-inline'"],
    "Vary": ["Accept"],
    "X-Content-Type-Options": ["nosniff"],
}


def page_headers(route: Route) -> Mapping[str, str]:
    """
    Return the request headers that describe *route* to the page server.

    They replace headers of the same names that a visitor sends.
    """
    return {
        TITLE_HEADER: _title(route),
        # An empty value removes the header.
        STATE_HEADER: _STOPPED if route.is_stopped else "",
    }


def page_configuration(address: str, *, build_id: str) -> str:
    """Return a Caddy configuration that listens on *address* and has the id *build_id*."""
    server = {
        "listen": [address],
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
        "routes": [
            {"handle": [_headers()]},
            *_page_routes(_STOPPED_PAGE, {STATE_HEADER: [_STOPPED]}),
            *_page_routes(_UNROUTED_PAGE, {STATE_HEADER: [UNROUTED_HEADERS[STATE_HEADER]]}),
            *_page_routes(_DOWN_PAGE, {}),
        ],
    }
    return json.dumps(
        {
            "@id": build_id,
            "admin": {"disabled": True, "config": {"persist": False}},
            "logging": {"logs": {"default": {"level": "ERROR", "encoder": {"format": "console"}}}},
            "apps": {"http": {"grace_period": "1s", "servers": {"page": server}}},
        }
    )


def _title(route: Route) -> str:
    """
    Return the title as HTML that is safe in headers, placeholders and the page.

    It consists of ASCII letters, digits, spaces and numeric character references only.
    """
    return "".join(_escaped(character) for character in route.app_name or _UNTITLED)


def _escaped(character: str) -> str:
    is_plain = character == " " or (character.isascii() and character.isalnum())
    return character if is_plain else f"&#{ord(character)};"


def _headers() -> dict[str, Any]:
    return {"handler": "headers", "response": {"set": _HEADERS, "delete": ["Server"]}}


def _page_routes(page: _Page, headers: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """
    Return the routes that serve *page* for requests with *headers*: as HTML if the client accepts
    it, else as text.
    """
    asks_for_html = {**headers, "Accept": ["*text/html*"]}
    return [
        {"match": [{"header": asks_for_html}], **_page_route(page, "text/html", page.html)},
        {"match": [{"header": headers}], **_page_route(page, "text/plain", page.text)},
    ]


def _page_route(page: _Page, content_type: str, body: str) -> dict[str, Any]:
    retry_after = {"Retry-After": [str(page.retry_after)]} if page.retry_after else {}
    answer = {
        "handler": "static_response",
        "status_code": page.status,
        "headers": {"Content-Type": [f"{content_type}; charset=utf-8"], **retry_after},
        "body": body,
    }
    return {"handle": [answer], "terminal": True}
