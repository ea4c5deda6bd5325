"""Tests every adapter against the contract of the port `ArchiveExtractor`."""

import pytest

from pushpaka_core.adapters.files.unpacker import TarUnpacker
from pushpaka_core.adapters.memory.workspaces import MemoryUnpacker
from pushpaka_core.ports.workspaces import ArchiveExtractor
from pushpaka_core.testing.unpacker import ArchiveExtractorContract

pytestmark = pytest.mark.anyio


class TestArchiveExtractor(ArchiveExtractorContract):
    """Runs the contract in memory and with real tar archives."""

    @pytest.fixture(params=["memory", "tar"])
    def archive_extractor(self, request: pytest.FixtureRequest) -> ArchiveExtractor:
        return MemoryUnpacker() if request.param == "memory" else TarUnpacker()
