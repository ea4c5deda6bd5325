"""The page of an application that is down, and what its server is told."""

import json
from typing import Any

from pushpaka_core.ports.router import Route

TITLE_HEADER = "X-Pushpaka-Title"
"""By this the router tells the page's server whose application is down."""

_UNTITLED = "This application"
_TITLE = f"{{http.request.header.{TITLE_HEADER}}}"
_HOST = "{http.request.host}"
_HTML = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_TITLE} is not available right now</title>
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
<h1><bdi>{_TITLE}</bdi> is not available right now</h1>
<p>It may be back in a few seconds. If not, whoever runs it finds the reason in its log.</p>
<p><a href="">Try again</a></p>
</main>
</body>
</html>
"""
_TEXT = f"{_HOST} is not available right now. Try again in a few seconds.\n"

_HEADERS = {
    "Cache-Control": ["no-store"],
    "Content-Security-Policy": ["default-src 'none'; style-src 'unsafe-inline'"],
    "Retry-After": ["5"],
    "Vary": ["Accept"],
    "X-Content-Type-Options": ["nosniff"],
}


def title_header(route: Route) -> str:
    """
    Return the title as HTML that is harmless anywhere on its way to the page.

    Nothing but ASCII letters, digits, spaces and numbers of characters is left: no
    markup, no end of a header, and no placeholder of the router or the page's server.
    """
    return "".join(_written(character) for character in route.title or _UNTITLED)


def page_configuration(address: str, *, build: str) -> str:
    """Return Caddy's configuration, in which *build* is a remark."""
    server = {
        "listen": [address],
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
        "routes": [
            {"handle": [_headers()]},
            {"match": [{"header": {"Accept": ["*text/html*"]}}], **_answer("text/html", _HTML)},
            _answer("text/plain", _TEXT),
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


def _written(character: str) -> str:
    is_plain = character == " " or (character.isascii() and character.isalnum())
    return character if is_plain else f"&#{ord(character)};"


def _headers() -> dict[str, Any]:
    return {"handler": "headers", "response": {"set": _HEADERS, "delete": ["Server"]}}


def _answer(content_type: str, body: str) -> dict[str, Any]:
    answer = {
        "handler": "static_response",
        "status_code": 503,
        "headers": {"Content-Type": [f"{content_type}; charset=utf-8"]},
        "body": body,
    }
    return {"handle": [answer], "terminal": True}
