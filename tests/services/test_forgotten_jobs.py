"""A worker may outlive the rows of what it works on."""

import pytest
from tests.services.platform import Platform

from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import LeaseLostError

pytestmark = pytest.mark.anyio


async def test_a_job_without_a_row_is_a_lost_one(platform: Platform, shop: Project) -> None:
    """Who hears late that a project was deleted takes away the files, and writes nothing."""
    await platform.queued(shop)
    lease = await platform.claimed()
    await platform.workspaces.path(lease)
    async with platform.storage.transaction() as uow:
        await uow.projects.remove(shop)

    with pytest.raises(LeaseLostError):
        await platform.engine.pipeline.end_cancelled(lease)

    assert [] == list(await platform.workspaces.leases())
