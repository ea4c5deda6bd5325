"""Workspaces as directories."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import to_thread

from pushpaka_core.adapters.files.workspaces import DirectoryWorkspaces
from pushpaka_core.domain.deployments import DeploymentId, Lease

pytestmark = pytest.mark.anyio

LEASE = Lease(deployment_id=DeploymentId(uuid4()), fence=3)


@pytest.fixture
def workspaces(tmp_path: Path) -> DirectoryWorkspaces:
    return DirectoryWorkspaces(tmp_path / "workspaces")


async def test_lease_gets_a_place_where_nothing_is_yet(workspaces: DirectoryWorkspaces) -> None:
    """The source makes the directory itself; its parent is ours alone."""
    path = await workspaces.path(LEASE)

    assert not await to_thread.run_sync(path.exists)
    assert 0o700 == (await to_thread.run_sync(path.parent.stat)).st_mode & 0o777


async def test_place_is_empty_again_at_the_next_try(workspaces: DirectoryWorkspaces) -> None:
    """What a killed worker left is not mistaken for the commit."""
    path = await workspaces.path(LEASE)
    await to_thread.run_sync(path.mkdir)

    again = await workspaces.path(LEASE)

    assert path == again
    assert not await to_thread.run_sync(path.exists)


async def test_leases_with_a_directory_are_told_until_it_is_removed(
    workspaces: DirectoryWorkspaces,
) -> None:
    """What belongs to nobody can be found and swept."""
    await workspaces.path(LEASE)
    found = await workspaces.leases()
    await workspaces.remove(LEASE)
    await workspaces.remove(LEASE)

    assert [LEASE] == found
    assert [] == await workspaces.leases()


async def test_nothing_has_a_directory_at_first(workspaces: DirectoryWorkspaces) -> None:
    """The first sweep of a new instance finds nothing."""
    assert [] == await workspaces.leases()


async def test_what_a_kill_left_of_a_scratch_place_is_swept(
    workspaces: DirectoryWorkspaces,
) -> None:
    """One that was made long ago goes, whatever is in it; a lease's directory stays."""
    await workspaces.path(LEASE)
    lent = workspaces.scratch()
    path = await lent.__aenter__()
    await to_thread.run_sync(_write, path / "app" / "index.html", "hello")

    await workspaces.sweep_scratch(timedelta(hours=1))
    is_kept = await to_thread.run_sync(path.exists)
    await workspaces.sweep_scratch(timedelta(0))

    assert is_kept
    assert not await to_thread.run_sync(path.parent.exists)
    assert [LEASE] == await workspaces.leases()
    await lent.__aexit__(None, None, None)


async def test_tree_is_that_of_the_repository(workspaces: DirectoryWorkspaces) -> None:
    """Detection sees what lies beside the application too: lock files and workspaces."""
    path = await workspaces.path(LEASE)
    await to_thread.run_sync(_write, path / "app" / "index.html", "hello")

    tree = await workspaces.tree(path, "app")

    assert ["app/index.html"] == list(tree.paths())
    assert "hello" == await to_thread.run_sync(tree.read, "app/index.html")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)
