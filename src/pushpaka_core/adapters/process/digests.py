"""A digest of what a build left."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pushpaka_core.adapters.process.releases import Release

_IGNORED = frozenset({"__pycache__"})
_PLACES = ("direct_url.json,", "uv_cache.json,")


def digest_of(release: Release) -> str:
    """
    Return a digest of the application and of the packages that were installed for it.

    The files of a package are known by the list of digests that comes with it.
    """
    total = hashlib.sha256()
    packages = sorted(release.venv.glob("lib/python*/site-packages/*.dist-info/RECORD"))
    for path in _files(release.app):
        total.update(os.fsencode(path.relative_to(release.app)) + b"\0")
        total.update(_digest_of_file(path))
    for path in packages:
        total.update(_without_places(path.read_text(encoding="utf-8")))
    return f"sha256:{total.hexdigest()}"


def _files(root: Path) -> Iterator[Path]:
    for directory, directories, files in os.walk(root):
        directories[:] = sorted(set(directories) - _IGNORED)
        links = [name for name in directories if Path(directory, name).is_symlink()]
        yield from (Path(directory, name) for name in sorted((*files, *links)))


def _without_places(record: str) -> bytes:
    """Leave out what says where, not what, a package is: scripts name their interpreter."""
    lines = (line for line in record.splitlines() if not line.startswith("../"))
    return "\n".join(line for line in lines if not any(x in line for x in _PLACES)).encode()


def _digest_of_file(path: Path) -> bytes:
    """Never follow a link, and never wait for a pipe: whoever made the files may still live."""
    if path.is_symlink():
        return hashlib.sha256(os.fsencode(path.readlink())).digest()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b""
        mode = b"x" if status.st_mode & stat.S_IXUSR else b"-"
        return mode + hashlib.file_digest(file, "sha256").digest()
