"""Tests every adapter against the contract of the port `SnapshotFiles`."""

from pathlib import Path

import pytest

from pushpaka_core.adapters.files.snapshot_files import DirectorySnapshotFiles
from pushpaka_core.adapters.memory.volumes import MemorySnapshotFiles
from pushpaka_core.ports.volumes import SnapshotFiles
from pushpaka_core.testing.volumes.snapshots import SnapshotFilesContract

pytestmark = pytest.mark.anyio


class TestSnapshotFiles(SnapshotFilesContract):
    """Runs the contract in memory and with a real directory."""

    @pytest.fixture(params=["memory", "directory"])
    def files(self, request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotFiles:
        is_memory = request.param == "memory"
        return MemorySnapshotFiles() if is_memory else DirectorySnapshotFiles(tmp_path / "files")
