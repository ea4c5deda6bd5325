"""Fixtures: a platform with memory adapters, for workers and reconcilers in virtual time."""

from collections.abc import AsyncIterator

import pytest
from tests.platform_fixtures import Platform, open_platform
from tests.virtual_time import running_loop, virtual_time

from pushpaka_core.domain.projects.projects import Project

__all__ = ["running_loop", "virtual_time"]


@pytest.fixture(autouse=True)
def no_real_waits(virtual_time: None) -> None:
    """Run every test in this folder in virtual time."""


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with open_platform() as platform:
        yield platform


@pytest.fixture
async def shop(platform: Platform) -> Project:
    return await platform.project("shop")
