"""Checksums of volumes and snapshots, read without the code under test."""

import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

Files = Mapping[str, bytes]
"""The contents of a volume's files by path."""


def checksum(files: Files) -> str:
    """Return the SHA-256 over the names and contents of *files*."""
    digest = sha256()
    for name, content in sorted(files.items()):
        for part in (name.encode(), content):
            digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()


def directory_checksum(directory: Path) -> str:
    """Return the checksum of the files in *directory*."""
    found = (path for path in directory.rglob("*") if not path.is_dir())
    return checksum({str(path.relative_to(directory)): path.read_bytes() for path in found})


def checksums_of_volumes(directory: Path) -> Mapping[str, str]:
    """Return the checksum of each directory in *directory*, by name."""
    return {path.name: directory_checksum(path) for path in directory.iterdir()}


def archive_checksum(archive: Path) -> str:
    """Return the checksum of the files in a compressed tar archive."""
    with tarfile.open(archive) as opened:
        return checksum(
            {
                member.name: content.read()
                for member in opened
                if member.isfile() and (content := opened.extractfile(member)) is not None
            }
        )
