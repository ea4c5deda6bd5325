"""The static files of the dashboard, loaded into memory with their HTTP metadata."""

import gzip
import re
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Self

from attrs import frozen

_INDEX = "index.html"
_ENTRY_MODULE = "begin.js"
"""The entry module of the page."""
_MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
}
"""Media types by file extension. Files with other extensions, such as licenses, are not served."""
_IMPORT = re.compile(rb'\bfrom\s*"(\.[^"]+)"')
"""Matches a static import of another module of the dashboard."""


@frozen(kw_only=True)
class Asset:
    """A file and its HTTP metadata."""

    content: bytes
    compressed: bytes
    """The content compressed with gzip."""
    media_type: str
    etag: str

    @classmethod
    def of(cls, content: bytes, name: str) -> Self:
        """Return the asset for the content of the file *name*."""
        return cls(
            content=content,
            compressed=gzip.compress(content, mtime=0),
            media_type=_MEDIA_TYPES[PurePosixPath(name).suffix],
            # A weak ETag, because the compressed response has the same one (RFC 9110).
            etag=f'W/"{sha256(content).hexdigest()[:32]}"',
        )


@frozen(kw_only=True)
class Dashboard:
    """All files of the dashboard."""

    version: str
    """
    A hash of all files, which is part of the files' URLs.

    Browsers can therefore cache the files forever, although their imports are relative.
    """
    assets: Mapping[str, Asset]
    """The files except the HTML document, by path."""
    _index: str

    def index(self, base: str) -> Asset:
        """Return the HTML document of a dashboard that is mounted at the path *base*."""
        filled = self._index.replace("{base}", escape(f"{base}/"))
        return Asset.of(filled.encode(), _INDEX)


@cache
def load_dashboard() -> Dashboard:
    """Load the files of the dashboard from this package. Later calls return the same object."""
    contents = dict(sorted(_read(files(__package__) / "page")))
    version = _hash(contents)
    index = contents.pop(_INDEX).decode()
    return Dashboard(
        version=version,
        assets={path: Asset.of(content, path) for path, content in contents.items()},
        index=index.replace("{modules}", _preload_links(contents)).replace(
            "{assets}", f"assets/{version}"
        ),
    )


def _read(directory: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in directory.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
        elif PurePosixPath(entry.name).suffix in _MEDIA_TYPES:
            yield f"{prefix}{entry.name}", entry.read_bytes()


def _hash(contents: Mapping[str, bytes]) -> str:
    parts = (f"{path}\0{sha256(content).hexdigest()}\n" for path, content in contents.items())
    return sha256("".join(parts).encode()).hexdigest()[:16]


def _preload_links(contents: Mapping[str, bytes]) -> str:
    """Return `modulepreload` links, so that the browser fetches the first modules in parallel."""
    return "\n    ".join(
        f'<link rel="modulepreload" href="{{assets}}/{path}" />'
        for path in _static_imports(contents, _ENTRY_MODULE)
    )


def _static_imports(contents: Mapping[str, bytes], entry_module: str) -> list[str]:
    """Return *entry_module* and all modules that it imports statically, directly or not."""
    found = [entry_module]
    for path in found:
        named = (_resolve(path, name.decode()) for name in _IMPORT.findall(contents[path]))
        found.extend(each for each in dict.fromkeys(named) if each not in found)
    return found


def _resolve(module_path: str, import_path: str) -> str:
    parts: list[str] = list(PurePosixPath(module_path).parent.parts)
    for part in PurePosixPath(import_path).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
