"""
What all unpackers must do, as tests.

Derive a test class from `UnpackerContract` in a module whose fixture is `unpacker`.
"""

import io
import os
import tarfile
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from anyio import to_thread

from pushpaka_core.errors import SourceError
from pushpaka_core.ports.unpacker import Unpacked, Unpacker

_TIMEOUT = timedelta(seconds=30)


def packed(files: Mapping[str, str], *, executable: str = "") -> bytes:
    """Return an archive of *files*, by their paths."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            member.mode = 0o4755 if path == executable else 0o600
            tar.addfile(member, io.BytesIO(text.encode()))
    return file.getvalue()


async def in_pieces(content: bytes, size: int = 100) -> AsyncIterator[bytes]:
    """Yield *content* as a storage gives it."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


class UnpackerContract:
    """The promises of the port `Unpacker`; each holds for every adapter."""

    async def test_files_come_out_as_they_went_in(self, unpacker: Unpacker, tmp_path: Path) -> None:
        """In their directories, with what they hold, and counted."""
        archive = packed({"main.py": "top", "app/web/index.html": "inner"})
        directory = tmp_path / "source"

        unpacked = await unpacker.unpack(in_pieces(archive), directory, timeout=_TIMEOUT)

        assert Unpacked(files=2, total_bytes=8) == unpacked
        assert ("top", "inner") == (
            await to_thread.run_sync((directory / "main.py").read_text),
            await to_thread.run_sync((directory / "app/web/index.html").read_text),
        )
        assert ["source"] == await to_thread.run_sync(os.listdir, tmp_path)

    async def test_modes_are_those_of_a_checkout(self, unpacker: Unpacker, tmp_path: Path) -> None:
        """What may be executed still may, and no special bit is taken over."""
        archive = packed({"run.sh": "", "page.html": ""}, executable="run.sh")

        await unpacker.unpack(in_pieces(archive), tmp_path / "source", timeout=_TIMEOUT)

        modes = [(tmp_path / "source" / name).stat().st_mode for name in ("run.sh", "page.html")]
        assert [0o100755, 0o100644] == modes

    @pytest.mark.parametrize("damage", ["cut", "plain", "empty", "changed"])
    async def test_a_damaged_archive_fails(
        self, unpacker: Unpacker, tmp_path: Path, damage: str
    ) -> None:
        """It says so to the project's owner, and leaves nothing."""
        whole = packed({"main.py": "x" * 5000, "other.py": "y" * 5000})
        archive = {
            "cut": whole[:-40],
            "plain": b"no archive at all",
            "empty": b"",
            "changed": whole[:60] + bytes(20) + whole[80:],
        }[damage]

        with pytest.raises(SourceError, match="cannot be unpacked"):
            await unpacker.unpack(in_pieces(archive), tmp_path / "source", timeout=_TIMEOUT)

        assert [] == await to_thread.run_sync(os.listdir, tmp_path)
