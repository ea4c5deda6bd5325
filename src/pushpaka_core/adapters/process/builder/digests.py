"""Computes the digest of a finished build."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from attrs import define

from pushpaka_core.adapters.process.releases import Release
from pushpaka_core.adapters.process.sandbox.tree_walk import Entry, read_regular_file, walk
from pushpaka_core.errors import BuildError

MAX_BYTES = 16 * 2**30
_MAX_RECORD_BYTES = 16 * 2**20
_BYTECODE_DIRECTORY = "__pycache__"
_PATH_DEPENDENT_ENTRIES = (b"direct_url.json,", b"uv_cache.json,")


def digest_of(release: Release) -> str:
    """
    Return a SHA-256 digest of the application and its installed Python packages.

    Packages are represented by the digests in their RECORD file. Call this in a worker thread. It
    ends early if the calling task is canceled.

    Raises:
        BuildError: If the build left more than `MAX_BYTES`.
    """
    total, budget = hashlib.sha256(), _Budget(MAX_BYTES)
    with walk(release.app) as entries:
        for entry in entries:
            if (
                not stat.S_ISDIR(entry.mode)
                and _BYTECODE_DIRECTORY not in PurePosixPath(entry.path).parts
            ):
                total.update(os.fsencode(entry.path) + b"\0" + _digest_of(entry, budget))
    for path in sorted(release.venv.glob("lib/python*/site-packages/*.dist-info/RECORD")):
        total.update(_without_paths(_read_record(path)))
    return f"sha256:{total.hexdigest()}"


@define
class _Budget:
    """The number of bytes that may still be read. Sparse files can claim any size."""

    _remaining_bytes: int

    def spend(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for piece in chunks:
            self._remaining_bytes -= len(piece)
            if self._remaining_bytes < 0:
                raise BuildError(
                    f"The build left more than {MAX_BYTES // 2**30} GiB of files."
                    " At the end of the build, delete the files that the application does not need."
                )
            yield piece


def _digest_of(entry: Entry, budget: _Budget) -> bytes:
    """
    Return the digest of one entry.

    It follows no symbolic link and opens no pipe: processes of the build may still be running and
    could replace files.
    """
    if entry.is_link:
        target = os.readlink(entry.name, dir_fd=entry.parent)
        return hashlib.sha256(os.fsencode(target)).digest()
    if not stat.S_ISREG(entry.mode):
        return b""
    digest = hashlib.sha256(b"x" if entry.mode & stat.S_IXUSR else b"-")
    with suppress(PermissionError):
        for piece in budget.spend(read_regular_file(entry.name, entry.parent)):
            digest.update(piece)
    return digest.digest()


def _read_record(path: Path) -> bytes:
    """Return the content of a RECORD file; empty if it is unreadable or too long."""
    record = bytearray()
    with suppress(OSError):
        for piece in read_regular_file(path):
            record += piece
            if len(record) > _MAX_RECORD_BYTES:
                return b""
    return bytes(record)


def _without_paths(record: bytes) -> bytes:
    """Drop the lines that depend on the install path, such as scripts naming their interpreter."""
    lines = (line for line in record.splitlines() if not line.startswith(b"../"))
    return b"\n".join(
        line for line in lines if not any(place in line for place in _PATH_DEPENDENT_ENTRIES)
    )
