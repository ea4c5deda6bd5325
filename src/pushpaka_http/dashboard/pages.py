"""The routes of the dashboard."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from attrs import asdict
from litestar import Controller, Request, Response, get
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from pushpaka_core.services.accounts.accounts import AccountService
from pushpaka_http.authentication import ANONYMOUS
from pushpaka_http.dashboard.assets import Asset, Dashboard, load_dashboard
from pushpaka_http.dependencies import Injected

PAGE_PATHS = [
    "/",
    "/sign-in",
    "/register",
    "/new",
    "/projects/{project_id:str}",
    *(
        f"/projects/{{project_id:str}}/{part}"
        for part in (
            *("deployments", "logs", "env", "storage", "domains", "integrations", "members"),
            "settings",
        )
    ),
    "/deployments/{deployment_id:str}",
    "/account",
    "/system",
    "/invitations",
]
"""The paths that return the same page, in which a script selects the view."""

_CSP_DIRECTIVES = {
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
CONTENT_SECURITY_POLICY = "; ".join(f"{name} {what}" for name, what in _CSP_DIRECTIVES.items())
"""A policy that allows only the dashboard's own files, and requests to its own origin."""

_COMMON_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Accept-Encoding",
}
_PAGE_HEADERS = {
    **_COMMON_HEADERS,
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-cache",
}
_FILE_HEADERS = {**_COMMON_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
_DEPENDENCIES = {"dashboard": Provide(load_dashboard, sync_to_thread=True, use_cache=True)}


class DashboardController(Controller):
    """Serves the dashboard."""

    opt = ANONYMOUS
    include_in_schema = False
    dependencies = _DEPENDENCIES

    @get(PAGE_PATHS)
    async def show(
        self, request: Request[Any, Any, Any], dashboard: Injected[Dashboard]
    ) -> Response[bytes]:
        """Return the HTML document, which is the same for every path of the dashboard."""
        base = str(request.scope.get("root_path") or "").rstrip("/")
        return _response(request, dashboard.index(base), _PAGE_HEADERS)

    @get("/setup")
    async def setup(
        self, accounts: Injected[AccountService], is_forwarded: Injected[bool]
    ) -> Mapping[str, bool]:
        """Return whether accounts exist, and whether this visitor can create an account."""
        return asdict(await accounts.registration_status(is_forwarded=is_forwarded))

    @get("/assets/{version:str}/{path:path}")
    async def file(
        self,
        request: Request[Any, Any, Any],
        version: FromPath[str],
        path: FromPath[Path],
        dashboard: Injected[Dashboard],
    ) -> Response[bytes]:
        """Return a file of the current version. Respond with 404 for any other version."""
        asset = dashboard.assets.get(path.as_posix().lstrip("/"))
        if asset is None or version != dashboard.version:
            raise NotFoundException
        return _response(request, asset, _FILE_HEADERS)


def _response(
    request: Request[Any, Any, Any], asset: Asset, headers: Mapping[str, str]
) -> Response[bytes]:
    sent = {**headers, "ETag": asset.etag}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=sent)
    if not _accepts_gzip(request.headers.get("accept-encoding", "")):
        return Response(asset.content, media_type=asset.media_type, headers=sent)
    sent["Content-Encoding"] = "gzip"
    return Response(asset.compressed, media_type=asset.media_type, headers=sent)


def _accepts_gzip(accept_encoding: str) -> bool:
    choices = (choice.replace(" ", "").partition(";") for choice in accept_encoding.split(","))
    return any(name == "gzip" and weight not in ("q=0", "q=0.0") for name, _, weight in choices)
