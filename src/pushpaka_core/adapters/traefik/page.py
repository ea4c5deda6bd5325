"""The page of an application that is down, and what its server is told."""

import json
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from pushpaka_core.ports.router import Route

TITLE_HEADER = "X-Pushpaka-Title"
"""By this the router tells the page's server whose application is down."""
STATE_HEADER = "X-Pushpaka-State"
"""By this it says how, in one word, where there is more to say than that it is down."""

_STOPPED = "stopped"
_UNTITLED = "This application"
_TITLE = f"{{http.request.header.{TITLE_HEADER}}}"
_HOST = "{http.request.host}"


@frozen(kw_only=True)
class _Page:
    """What is said of an application of which nothing answers."""

    standing: str
    prospect: str
    """What a person may expect."""
    advice: str
    """The same for a program, in one sentence."""
    retry_after: int

    @property
    def html(self) -> str:
        return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_TITLE} {self.standing}</title>
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
<h1><bdi>{_TITLE}</bdi> {self.standing}</h1>
<p>{self.prospect}</p>
<p><a href="">Try again</a></p>
</main>
</body>
</html>
"""

    @property
    def text(self) -> str:
        return f"{_HOST} {self.standing}. {self.advice}\n"


_DOWN_PAGE = _Page(
    standing="is not available right now",
    prospect="It may be back in a few seconds. If not, its log tells whoever runs it the reason.",
    advice="Try again in a few seconds.",
    retry_after=5,
)
_STOPPED_PAGE = _Page(
    standing="is stopped",
    prospect="Whoever runs it has stopped it by hand. It is back as soon as they start it again.",
    advice="It is back as soon as whoever runs it starts it again.",
    retry_after=60,
)

_HEADERS = {
    "Cache-Control": ["no-store"],
    "Content-Security-Policy": ["default-src 'none'; style-src 'unsafe-inline'"],
    "Vary": ["Accept"],
    "X-Content-Type-Options": ["nosniff"],
}


def page_headers(route: Route) -> Mapping[str, str]:
    """Return what the page's server is told of *route*; whatever a visitor says is replaced."""
    return {
        TITLE_HEADER: _title(route),
        # An empty value takes the header away.
        STATE_HEADER: _STOPPED if route.is_stopped else "",
    }


def page_configuration(address: str, *, build: str) -> str:
    """Return Caddy's configuration, in which *build* is a remark."""
    server = {
        "listen": [address],
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
        "routes": [
            {"handle": [_headers()]},
            *_answers(_STOPPED_PAGE, {STATE_HEADER: [_STOPPED]}),
            *_answers(_DOWN_PAGE, {}),
        ],
    }
    return json.dumps(
        {
            "@id": build,
            "admin": {"disabled": True, "config": {"persist": False}},
            "logging": {"logs": {"default": {"level": "ERROR", "encoder": {"format": "console"}}}},
            "apps": {"http": {"grace_period": "1s", "servers": {"page": server}}},
        }
    )


def _title(route: Route) -> str:
    """
    Return the title as HTML that is harmless anywhere on its way to the page.

    Nothing but ASCII letters, digits, spaces and numbers of characters is left: no
    markup, no end of a header, and no placeholder of the router or the page's server.
    """
    return "".join(_written(character) for character in route.title or _UNTITLED)


def _written(character: str) -> str:
    is_plain = character == " " or (character.isascii() and character.isalnum())
    return character if is_plain else f"&#{ord(character)};"


def _headers() -> dict[str, Any]:
    return {"handler": "headers", "response": {"set": _HEADERS, "delete": ["Server"]}}


def _answers(page: _Page, said: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Return what is answered where *said* is in the headers: HTML to who asks for it, or text."""
    asks_for_html = {**said, "Accept": ["*text/html*"]}
    return [
        {"match": [{"header": asks_for_html}], **_answer(page, "text/html", page.html)},
        {"match": [{"header": said}], **_answer(page, "text/plain", page.text)},
    ]


def _answer(page: _Page, content_type: str, body: str) -> dict[str, Any]:
    answer = {
        "handler": "static_response",
        "status_code": 503,
        "headers": {
            "Content-Type": [f"{content_type}; charset=utf-8"],
            "Retry-After": [str(page.retry_after)],
        },
        "body": body,
    }
    return {"handle": [answer], "terminal": True}
