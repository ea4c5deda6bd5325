"""Tests every adapter against the contract of the port `ArchiveFiles`."""

from pathlib import Path

import pytest

from pushpaka_core.adapters.files.archive_files import DirectoryArchiveFiles
from pushpaka_core.adapters.memory.workspaces import MemoryArchiveFiles
from pushpaka_core.ports.workspaces import ArchiveFiles
from pushpaka_core.testing.archive_files import ArchiveFilesContract

pytestmark = pytest.mark.anyio


class TestArchiveFiles(ArchiveFilesContract):
    """Runs the contract in memory and with a real directory."""

    @pytest.fixture(params=["memory", "directory"])
    def files(self, request: pytest.FixtureRequest, tmp_path: Path) -> ArchiveFiles:
        is_memory = request.param == "memory"
        return MemoryArchiveFiles() if is_memory else DirectoryArchiveFiles(tmp_path / "archives")
