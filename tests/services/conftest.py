"""Fixtures for services on the memory adapters, with a stepped clock and virtual time."""

from collections.abc import AsyncIterator

import pytest
from tests.platform_fixtures import Platform, open_platform
from tests.service_fixtures import Services
from tests.virtual_time import running_loop, virtual_time

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.projects.projects import Project

__all__ = ["running_loop", "virtual_time"]


@pytest.fixture(autouse=True)
def no_real_waits(virtual_time: None) -> None:
    """Run every test in this folder in virtual time."""


@pytest.fixture
def services() -> Services:
    return Services.of()


@pytest.fixture
async def ann(services: Services) -> Actor:
    return await services.sign_up("ann@example.com")


@pytest.fixture
async def bob(services: Services) -> Actor:
    return await services.sign_up("bob@example.com")


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with open_platform() as platform:
        yield platform


@pytest.fixture
async def shop(platform: Platform) -> Project:
    return await platform.project("shop")


@pytest.fixture
async def running(platform: Platform, shop: Project) -> Deployment:
    """Return the active deployment of `shop`."""
    return await platform.deploy(shop)
