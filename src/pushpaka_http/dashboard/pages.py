"""The routes of the dashboard."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from pushpaka_http.authentication import ANONYMOUS
from pushpaka_http.dashboard.assets import Asset, Page, page_of_this_package
from pushpaka_http.dependencies import Given

ADDRESSES = [
    "/",
    "/sign-in",
    "/register",
    "/new",
    "/projects/{project_id:str}",
    *(
        f"/projects/{{project_id:str}}/{part}"
        for part in ("deployments", "env", "domains", "settings", "hooks", "members")
    ),
    "/deployments/{deployment_id:str}",
    "/account",
    "/system",
    "/invitations",
]
"""Where the page is; which view of it is shown is decided in the browser."""

_ALLOWED = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'self'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
CONTENT_SECURITY_POLICY = "; ".join(f"{name} {what}" for name, what in _ALLOWED.items())
"""Nothing but our own files is run or shown, and nothing but our own API is spoken to."""

_ALONE = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Accept-Encoding",
}
_PAGE = {**_ALONE, "Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}
_FILE = {**_ALONE, "Cache-Control": "public, max-age=31536000, immutable"}
_GIVEN = {"page": Provide(page_of_this_package, sync_to_thread=True, use_cache=True)}


class DashboardController(Controller):
    """The dashboard, which needs nothing of the platform but what the API shows."""

    opt = ANONYMOUS
    include_in_schema = False
    dependencies = _GIVEN

    @get(ADDRESSES)
    async def show(self, request: Request[Any, Any, Any], page: Given[Page]) -> Response[bytes]:
        """Show the page, which looks by itself at which of its addresses it is."""
        base = str(request.scope.get("root_path") or "").rstrip("/")
        return _answer(request, page.index(base), _PAGE)

    @get("/assets/{version:str}/{path:path}")
    async def file(
        self,
        request: Request[Any, Any, Any],
        version: FromPath[str],
        path: FromPath[Path],
        page: Given[Page],
    ) -> Response[bytes]:
        """Show a file of the page as it is in this version, and of no other one."""
        asset = page.assets.get(path.as_posix().lstrip("/"))
        if asset is None or version != page.version:
            raise NotFoundException
        return _answer(request, asset, _FILE)


def _answer(
    request: Request[Any, Any, Any], asset: Asset, headers: Mapping[str, str]
) -> Response[bytes]:
    sent = {**headers, "ETag": asset.etag}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=sent)
    if not _takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(asset.content, media_type=asset.media_type, headers=sent)
    sent["Content-Encoding"] = "gzip"
    return Response(asset.compressed, media_type=asset.media_type, headers=sent)


def _takes_gzip(accepted: str) -> bool:
    choices = (choice.replace(" ", "").partition(";") for choice in accepted.split(","))
    return any(name == "gzip" and weight not in ("q=0", "q=0.0") for name, _, weight in choices)
