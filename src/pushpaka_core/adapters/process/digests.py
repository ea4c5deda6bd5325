"""A digest of what a build left."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from attrs import define

from pushpaka_core.adapters.process.releases import Release
from pushpaka_core.adapters.process.walking import Entry, read_pieces, walk
from pushpaka_core.errors import BuildError

MOST_BYTES = 16 * 2**30
_LONGEST_RECORD = 16 * 2**20
_IGNORED = "__pycache__"
_PLACES = (b"direct_url.json,", b"uv_cache.json,")


def digest_of(release: Release) -> str:
    """
    Return a digest of the application and of the packages that were installed for it.

    The files of a package are known by the list of digests that comes with it.
    For a worker thread; cancelling its caller ends it.

    Raises:
        BuildError: If there is more than anybody could want.
    """
    total, budget = hashlib.sha256(), _Budget(MOST_BYTES)
    with walk(release.app) as entries:
        for entry in entries:
            if not stat.S_ISDIR(entry.mode) and _IGNORED not in PurePosixPath(entry.path).parts:
                total.update(os.fsencode(entry.path) + b"\0" + _digest_of(entry, budget))
    for path in sorted(release.venv.glob("lib/python*/site-packages/*.dist-info/RECORD")):
        total.update(_without_places(_record(path)))
    return f"sha256:{total.hexdigest()}"


@define
class _Budget:
    """How many bytes may still be read: a file can pretend to hold any number."""

    _left: int

    def spend(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._left -= len(piece)
            if self._left < 0:
                raise BuildError(
                    f"The build left more than {MOST_BYTES // 2**30} GiB."
                    " Let it remove what the application does not need."
                )
            yield piece


def _digest_of(entry: Entry, budget: _Budget) -> bytes:
    """Follow no link, and wait for no pipe: whoever made the files may still live."""
    if entry.is_link:
        target = os.readlink(entry.name, dir_fd=entry.parent)
        return hashlib.sha256(os.fsencode(target)).digest()
    if not stat.S_ISREG(entry.mode):
        return b""
    digest = hashlib.sha256(b"x" if entry.mode & stat.S_IXUSR else b"-")
    with suppress(PermissionError):
        for piece in budget.spend(read_pieces(entry.name, entry.parent)):
            digest.update(piece)
    return digest.digest()


def _record(path: Path) -> bytes:
    """Return what the list of a package says; one that is none, or too long, says nothing."""
    record = bytearray()
    with suppress(OSError):
        for piece in read_pieces(path):
            record += piece
            if len(record) > _LONGEST_RECORD:
                return b""
    return bytes(record)


def _without_places(record: bytes) -> bytes:
    """Leave out what says where, not what, a package is: scripts name their interpreter."""
    lines = (line for line in record.splitlines() if not line.startswith(b"../"))
    return b"\n".join(line for line in lines if not any(place in line for place in _PLACES))
