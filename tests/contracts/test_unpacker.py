"""The contract of the port `Unpacker`, over every adapter."""

import pytest

from pushpaka_core.adapters.files.unpacker import TarUnpacker
from pushpaka_core.adapters.memory.unpacker import MemoryUnpacker
from pushpaka_core.ports.unpacker import Unpacker
from pushpaka_core.testing.unpacker import UnpackerContract

pytestmark = pytest.mark.anyio


class TestUnpacker(UnpackerContract):
    """Every promise, kept with real directories."""

    @pytest.fixture(params=["memory", "tar"])
    def unpacker(self, request: pytest.FixtureRequest) -> Unpacker:
        return MemoryUnpacker() if request.param == "memory" else TarUnpacker()
