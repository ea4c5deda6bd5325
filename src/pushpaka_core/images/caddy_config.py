"""Generates the Caddy configuration that serves a static site."""

import json
from pathlib import PurePosixPath
from shlex import quote
from typing import Any

from pushpaka_core.domain.pipeline.build_plans import StaticSite

_USUAL_OUTPUTS = ("dist", "build", "out")
_PATH = "{http.request.uri.path}"
_KINDS = "js|mjs|css|map|wasm|json|woff2?|ttf|otf|png|jpe?g|gif|svg|webp|avif|ico|mp4|webm"
_MAY_BE_HASHED = rf"[.-][A-Za-z0-9_]{{8,64}}\.(?:{_KINDS})$"
_WORD_SUFFIX = r"[.-](?:[A-Za-z]?[a-z]*[0-9]{0,4}|[0-9]+)\.\w+$"
_HASHED = {
    "path_regexp": {"pattern": _MAY_BE_HASHED},
    "not": [{"path_regexp": {"pattern": _WORD_SUFFIX}}],
}
_IMMUTABLE_PATHS = {"path": ["/_next/static/*", "/_app/immutable/*"]}
_CACHE_FOREVER = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"


def output_fallback_command(site: StaticSite) -> str:
    """
    Return a shell command that links another output directory if the expected one is missing.

    The command runs in the plan's directory. It looks for an index.html in common output
    directories and prints which directory is served.
    """
    directory, parent = (quote(str(path)) for path in _path_and_parent(site.directory))
    message = f"The build did not create {site.directory}. Serving"
    return (
        f"[ -e {directory} ] || for other in {' '.join(_USUAL_OUTPUTS)}; do"
        ' if [ -f "$other/index.html" ]; then'
        f' echo {quote(message)} "$other instead, which has an index.html."'
        f' && mkdir -p -- {parent} && ln -s -- "$PWD/$other" {directory}; break; fi; done'
    )


def _path_and_parent(directory: str) -> tuple[PurePosixPath, PurePosixPath]:
    path = PurePosixPath(directory)
    return path, path.parent


def site_config(site: StaticSite) -> str:
    """Return the Caddy configuration (JSON) that serves the working directory on $HOST:$PORT."""
    server = {
        "listen": ["{env.HOST}:{env.PORT}"],
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
        "routes": [
            _hidden_file_route(),
            {"handle": [_cache_handler(_REVALIDATE), _compression_handler()]},
            _hashed_asset_route(),
            *_page_routes(site.fallback),
            {"handle": [_files()]},
        ],
        "errors": {"routes": _error_routes(site.not_found)},
    }
    config = {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "ERROR", "encoder": {"format": "console"}}}},
        "apps": {"http": {"grace_period": "30s", "servers": {"site": server}}},
    }
    return json.dumps(config, indent=1)


def _hidden_file_route() -> dict[str, Any]:
    well_known = {"path": ["/.well-known/*"]}
    return {
        "match": [{"path": ["*/.*"], "not": [well_known]}],
        "handle": [{"handler": "error", "status_code": 404}],
        "terminal": True,
    }


def _hashed_asset_route() -> dict[str, Any]:
    """Return the route for files with a content hash in their names, which are cached forever."""
    is_there = {"file": {"root": ".", "try_files": [_PATH]}}
    match = [_HASHED | is_there, _IMMUTABLE_PATHS | is_there]
    return {"match": match, "handle": [_cache_handler(_CACHE_FOREVER)]}


def _page_routes(fallback_page: str | None) -> list[dict[str, Any]]:
    """
    Return routes that map a path to the file itself, its index page, its .html file or
    *fallback_page*.

    Hashed assets never get the fallback: an HTML page in place of a script from an earlier build
    would break the page that loads it.
    """
    found = {"root": ".", "try_files": [_PATH, f"{_PATH}/index.html"]}
    page = {"root": ".", "try_files": [f"{_PATH}.html"]}
    routes: list[dict[str, Any]] = [
        {"group": "page", "match": [{"file": found}]},
        {"group": "page", "match": [{"file": page}], "handle": [_rewrite_handler(f"{_PATH}.html")]},
    ]
    if fallback_page:
        match = [{"not": [_HASHED, _IMMUTABLE_PATHS]}]
        routes.append(
            {"group": "page", "match": match, "handle": [_rewrite_handler(f"/{fallback_page}")]}
        )
    return routes


def _error_routes(not_found_page: str | None) -> list[dict[str, Any]]:
    plain = {
        "handler": "static_response",
        "status_code": "{http.error.status_code}",
        "body": "{http.error.status_code} {http.error.status_text}\n",
    }
    last = {"handle": [_cache_handler(_REVALIDATE), plain]}
    if not_found_page is None:
        return [last]
    page = {
        "match": [{"expression": "{http.error.status_code} == 404"}],
        "handle": [
            _cache_handler(_REVALIDATE),
            _rewrite_handler(f"/{not_found_page}"),
            _files() | {"status_code": "404"},
        ],
        "terminal": True,
    }
    return [page, last]


def _cache_handler(policy: str) -> dict[str, Any]:
    return {"handler": "headers", "response": {"set": {"Cache-Control": [policy]}}}


def _compression_handler() -> dict[str, Any]:
    return {
        "handler": "encode",
        "encodings": {"zstd": {}, "gzip": {}},
        "prefer": ["zstd", "gzip"],
    }


def _rewrite_handler(uri: str) -> dict[str, Any]:
    return {"handler": "rewrite", "uri": uri}


def _files() -> dict[str, Any]:
    return {"handler": "file_server", "root": "."}
