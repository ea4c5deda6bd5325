"""The services over the memory adapters, with a clock that only moves when it is told to."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.services.platform import Platform, open_platform
from tests.services.world import SteppedClock, World

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.users import RegistrationPolicy


@pytest.fixture
def world() -> World:
    return World.of(
        SteppedClock(), registration=RegistrationPolicy.OPEN, recheck=timedelta(minutes=1)
    )


@pytest.fixture
async def ann(world: World) -> Actor:
    return await world.signed_up("ann@example.com")


@pytest.fixture
async def bob(world: World) -> Actor:
    return await world.signed_up("bob@example.com")


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with open_platform() as platform:
        yield platform


@pytest.fixture
async def shop(platform: Platform) -> Project:
    return await platform.project("shop")
