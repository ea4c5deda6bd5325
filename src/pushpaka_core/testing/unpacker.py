"""
Contract tests for the `ArchiveExtractor` port.

Derive a test class from `ArchiveExtractorContract` in a module with the fixture
`archive_extractor`.
"""

import gzip
import io
import os
import tarfile
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from anyio import to_thread

from pushpaka_core.errors import SourceError
from pushpaka_core.ports.workspaces import ArchiveExtractor, ExtractionResult

_TIMEOUT = timedelta(seconds=30)


def tar_archive(files: Mapping[str, str], *, executable: str = "") -> bytes:
    """Return a gzipped tar archive of *files*: the same bytes for the same files."""
    file = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            member.mode = 0o4755 if path == executable else 0o600
            tar.addfile(member, io.BytesIO(text.encode()))
    return file.getvalue()


async def chunks_of(content: bytes, size: int = 100) -> AsyncIterator[bytes]:
    """Yield *content* in chunks of *size* bytes."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


class ArchiveExtractorContract:
    """Tests that every adapter of the `ArchiveExtractor` port must pass."""

    async def test_files_are_unchanged_after_a_round_trip(
        self, archive_extractor: ArchiveExtractor, tmp_path: Path
    ) -> None:
        """Directories and contents are restored, and files and bytes are counted."""
        archive = tar_archive({"main.py": "top", "app/web/index.html": "inner"})
        directory = tmp_path / "source"

        unpacked = await archive_extractor.extract(chunks_of(archive), directory, timeout=_TIMEOUT)

        assert ExtractionResult(files=2, total_bytes=8) == unpacked
        assert ("top", "inner") == (
            await to_thread.run_sync((directory / "main.py").read_text),
            await to_thread.run_sync((directory / "app/web/index.html").read_text),
        )
        assert ["source"] == await to_thread.run_sync(os.listdir, tmp_path)

    async def test_modes_are_those_of_a_checkout(
        self, archive_extractor: ArchiveExtractor, tmp_path: Path
    ) -> None:
        """Executable files stay executable, and setuid bits are dropped."""
        archive = tar_archive({"run.sh": "", "page.html": ""}, executable="run.sh")

        await archive_extractor.extract(chunks_of(archive), tmp_path / "source", timeout=_TIMEOUT)

        modes = [(tmp_path / "source" / name).stat().st_mode for name in ("run.sh", "page.html")]
        assert [0o100755, 0o100644] == modes

    @pytest.mark.parametrize("damage", ["cut", "plain", "empty", "changed"])
    async def test_a_damaged_archive_fails(
        self, archive_extractor: ArchiveExtractor, tmp_path: Path, damage: str
    ) -> None:
        """A damaged archive raises SourceError, and leaves no file."""
        whole = tar_archive({"main.py": "x" * 5000, "other.py": "y" * 5000})
        archive = {
            "cut": whole[:-40],
            "plain": b"no archive at all",
            "empty": b"",
            "changed": whole[:60] + bytes(20) + whole[80:],
        }[damage]

        with pytest.raises(SourceError, match="cannot be unpacked"):
            await archive_extractor.extract(
                chunks_of(archive), tmp_path / "source", timeout=_TIMEOUT
            )

        assert [] == await to_thread.run_sync(os.listdir, tmp_path)
