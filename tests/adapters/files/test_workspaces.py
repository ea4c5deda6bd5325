"""Tests that workspaces are private, and that leftovers of killed processes are removed."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import to_thread

from pushpaka_core.adapters.files.workspaces import DirectoryWorkspaces
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.ids import DeploymentId

pytestmark = pytest.mark.anyio

LEASE = Lease(deployment_id=DeploymentId(uuid4()), fence=3)


@pytest.fixture
def workspaces(tmp_path: Path) -> DirectoryWorkspaces:
    return DirectoryWorkspaces(tmp_path / "workspaces")


async def test_parent_of_a_workspace_is_private(workspaces: DirectoryWorkspaces) -> None:
    """Only the parent directory is created. Fetching the source creates the workspace."""
    path = await workspaces.path(LEASE)

    assert not await to_thread.run_sync(path.exists)
    assert 0o700 == (await to_thread.run_sync(path.parent.stat)).st_mode & 0o777


async def test_old_scratch_directories_are_removed(
    workspaces: DirectoryWorkspaces,
) -> None:
    """Workspaces with a lease, and scratch directories that are not old enough, are kept."""
    await workspaces.path(LEASE)
    lent = workspaces.scratch()
    path = await lent.__aenter__()
    await to_thread.run_sync(_write, path / "app" / "index.html", "hello")

    await workspaces.remove_old_scratch(timedelta(hours=1))
    is_kept = await to_thread.run_sync(path.exists)
    await workspaces.remove_old_scratch(timedelta(0))

    assert is_kept
    assert not await to_thread.run_sync(path.parent.exists)
    assert [LEASE] == await workspaces.leases()
    await lent.__aexit__(None, None, None)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)
