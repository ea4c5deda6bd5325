"""The files of the dashboard, read once, with what is sent of them."""

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
_FIRST = "begin.js"
"""The module with which the page begins."""
_KINDS = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
}
"""What is served at all: licences and notes beside the files are for who reads the source."""
_IMPORT = re.compile(rb'\bfrom\s*"(\.[^"]+)"')
"""How a module names another one without which it does not begin."""


@frozen(kw_only=True)
class Asset:
    """One file, as it is sent."""

    content: bytes
    compressed: bytes
    """The same by gzip."""
    media_type: str
    etag: str

    @classmethod
    def of(cls, content: bytes, name: str) -> Self:
        """Make an asset of the file *name*."""
        return cls(
            content=content,
            compressed=gzip.compress(content, mtime=0),
            media_type=_KINDS[PurePosixPath(name).suffix],
            # Weak, as it stands for the compressed form as well.
            etag=f'W/"{sha256(content).hexdigest()[:32]}"',
        )


@frozen(kw_only=True)
class Page:
    """All files of the dashboard, below a name that changes with any of them."""

    version: str
    """A hash of the whole tree, so that imports within it can be relative and kept for ever."""
    assets: Mapping[str, Asset]
    """By their paths."""
    _index: str

    def index(self, base: str) -> Asset:
        """Return the one HTML document, for a dashboard that is mounted at the path *base*."""
        filled = self._index.replace("{base}", escape(f"{base}/"))
        return Asset.of(filled.encode(), _INDEX)


@cache
def page_of_this_package() -> Page:
    """Read the dashboard that comes along."""
    contents = dict(sorted(_read(files(__package__) / "page")))
    version = _hash(contents)
    index = contents.pop(_INDEX).decode()
    return Page(
        version=version,
        assets={path: Asset.of(content, path) for path, content in contents.items()},
        index=index.replace("{modules}", _preloads(contents)).replace(
            "{assets}", f"assets/{version}"
        ),
    )


def _read(directory: Traversable, place: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in directory.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{place}{entry.name}/")
        elif PurePosixPath(entry.name).suffix in _KINDS:
            yield f"{place}{entry.name}", entry.read_bytes()


def _hash(contents: Mapping[str, bytes]) -> str:
    parts = (f"{path}\0{sha256(content).hexdigest()}\n" for path, content in contents.items())
    return sha256("".join(parts).encode()).hexdigest()[:16]


def _preloads(contents: Mapping[str, bytes]) -> str:
    """Have the browser fetch all modules of the first view at once, not one after the other."""
    return "\n    ".join(
        f'<link rel="modulepreload" href="{{assets}}/{path}" />'
        for path in _imported(contents, _FIRST)
    )


def _imported(contents: Mapping[str, bytes], first: str) -> list[str]:
    """Return *first* and all modules that it cannot begin without."""
    found = [first]
    for path in found:
        named = (_beside(path, name.decode()) for name in _IMPORT.findall(contents[path]))
        found.extend(each for each in dict.fromkeys(named) if each not in found)
    return found


def _beside(path: str, name: str) -> str:
    parts: list[str] = list(PurePosixPath(path).parent.parts)
    for part in PurePosixPath(name).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
