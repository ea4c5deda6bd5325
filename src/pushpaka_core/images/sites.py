"""Tells the file server how to serve a static site."""

import json
from typing import Any

from pushpaka_core.domain.build_plans import StaticSite

_PATH = "{http.request.uri.path}"
_KINDS = "js|mjs|css|map|wasm|json|woff2?|ttf|otf|png|jpe?g|gif|svg|webp|avif|ico|mp4|webm"
_MAY_BE_HASHED = rf"[.-][A-Za-z0-9_]{{8,64}}\.(?:{_KINDS})$"
_IS_A_WORD = r"[.-](?:[A-Za-z]?[a-z]*[0-9]{0,4}|[0-9]+)\.\w+$"
_HASHED = {
    "path_regexp": {"pattern": _MAY_BE_HASHED},
    "not": [{"path_regexp": {"pattern": _IS_A_WORD}}],
}
_NEW_WITH_EACH_BUILD = {"path": ["/_next/static/*", "/_app/immutable/*"]}
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_FIRST = "no-cache"


def site_config(site: StaticSite) -> str:
    """Return Caddy's configuration: it serves its working directory on what HOST and PORT say."""
    server = {
        "listen": ["{env.HOST}:{env.PORT}"],
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
        "routes": [
            _no_hidden_files(),
            {"handle": [_cache(_ASK_FIRST), _compression()]},
            _hashed_assets(),
            *_rewrites(site.fallback),
            {"handle": [_files()]},
        ],
        "errors": {"routes": _error_pages(site.not_found)},
    }
    config = {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "ERROR", "encoder": {"format": "console"}}}},
        "apps": {"http": {"grace_period": "30s", "servers": {"site": server}}},
    }
    return json.dumps(config, indent=1)


def _no_hidden_files() -> dict[str, Any]:
    well_known = {"path": ["/.well-known/*"]}
    return {
        "match": [{"path": ["*/.*"], "not": [well_known]}],
        "handle": [{"handler": "error", "status_code": 404}],
        "terminal": True,
    }


def _hashed_assets() -> dict[str, Any]:
    """Let files be kept whose names change with their content."""
    is_there = {"file": {"root": ".", "try_files": [_PATH]}}
    match = [_HASHED | is_there, _NEW_WITH_EACH_BUILD | is_there]
    return {"match": match, "handle": [_cache(_FOR_EVER)]}


def _rewrites(fallback: str | None) -> list[dict[str, Any]]:
    """
    Find the file for a path: itself or its index, then with .html, then the fallback.

    Files of an earlier build have none: a page in place of a script breaks what asks for it.
    """
    found = {"root": ".", "try_files": [_PATH, f"{_PATH}/index.html"]}
    page = {"root": ".", "try_files": [f"{_PATH}.html"]}
    routes: list[dict[str, Any]] = [
        {"group": "page", "match": [{"file": found}]},
        {"group": "page", "match": [{"file": page}], "handle": [_rewrite(f"{_PATH}.html")]},
    ]
    if fallback:
        match = [{"not": [_HASHED, _NEW_WITH_EACH_BUILD]}]
        routes.append({"group": "page", "match": match, "handle": [_rewrite(f"/{fallback}")]})
    return routes


def _error_pages(not_found: str | None) -> list[dict[str, Any]]:
    plain = {
        "handler": "static_response",
        "status_code": "{http.error.status_code}",
        "body": "{http.error.status_code} {http.error.status_text}\n",
    }
    last = {"handle": [_cache(_ASK_FIRST), plain]}
    if not_found is None:
        return [last]
    page = {
        "match": [{"expression": "{http.error.status_code} == 404"}],
        "handle": [
            _cache(_ASK_FIRST),
            _rewrite(f"/{not_found}"),
            _files() | {"status_code": "404"},
        ],
        "terminal": True,
    }
    return [page, last]


def _cache(policy: str) -> dict[str, Any]:
    return {"handler": "headers", "response": {"set": {"Cache-Control": [policy]}}}


def _compression() -> dict[str, Any]:
    return {
        "handler": "encode",
        "encodings": {"zstd": {}, "gzip": {}},
        "prefer": ["zstd", "gzip"],
    }


def _rewrite(uri: str) -> dict[str, Any]:
    return {"handler": "rewrite", "uri": uri}


def _files() -> dict[str, Any]:
    return {"handler": "file_server", "root": "."}
