"""A whole platform on the memory adapters."""

from collections.abc import AsyncIterator

import pytest
from tests.services.platform import Platform, open_platform

from pushpaka_core.domain.projects import Project


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with open_platform() as platform:
        yield platform


@pytest.fixture
async def shop(platform: Platform) -> Project:
    return await platform.project("shop")
