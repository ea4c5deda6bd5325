"""
Contract tests for the `Workspaces` port.

Derive a test class from `WorkspacesContract` in a module with the fixture `workspaces`, in which no
lease has a directory.
"""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from anyio import to_thread

from pushpaka_core.errors import SourceError
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.testing.applications import checkout, new_lease


class WorkspacesContract:
    """Tests that every adapter of the `Workspaces` port must pass."""

    async def test_each_lease_has_its_own_directory(self, workspaces: Workspaces) -> None:
        """Paths are absolute and distinct, and do not exist yet."""
        paths = [await workspaces.path(new_lease()) for _ in range(2)]

        assert 2 == len(set(paths))
        for path in paths:
            assert path.is_absolute()
            assert not await to_thread.run_sync(path.exists)
            assert await to_thread.run_sync(path.parent.is_dir)

    async def test_second_attempt_starts_with_an_empty_directory(
        self, workspaces: Workspaces
    ) -> None:
        """Earlier files of the same lease are removed."""
        lease = new_lease()
        await checkout(await workspaces.path(lease), {"main.py": ""})

        path = await workspaces.path(lease)

        assert not await to_thread.run_sync(path.exists)

    async def test_leases_with_a_directory_are_listed(self, workspaces: Workspaces) -> None:
        """Leases with a directory are listed, and removing a directory again has no effect."""
        kept, removed = new_lease(), new_lease()
        for lease in (kept, removed):
            await checkout(await workspaces.path(lease), {"main.py": ""})

        await workspaces.remove(removed)
        await workspaces.remove(removed)

        assert [kept] == list(await workspaces.leases())
        await workspaces.remove(kept)
        assert [] == list(await workspaces.leases())

    async def test_a_scratch_directory_is_removed_with_its_block(
        self, workspaces: Workspaces
    ) -> None:
        """A scratch directory is removed at the end of its block, even after an error."""
        async with workspaces.scratch() as other:
            path = await _scratch_path_after_error(workspaces)
            assert path != other
            assert path.is_absolute()

        assert not await to_thread.run_sync(path.parent.exists)
        assert not await to_thread.run_sync(other.parent.exists)

    async def test_a_scratch_directory_in_use_is_not_removed(self, workspaces: Workspaces) -> None:
        """Only old scratch directories are removed."""
        async with workspaces.scratch() as path:
            existed = await to_thread.run_sync(path.exists)
            await checkout(path, {"main.py": ""})

            await workspaces.remove_old_scratch(timedelta(hours=1))

            assert (False, True) == (existed, await to_thread.run_sync(path.exists))
            assert [] == list(await workspaces.leases())

    async def test_a_tree_shows_the_files(self, workspaces: Workspaces) -> None:
        """The tree contains the whole repository, and its files can be read."""
        path = await workspaces.path(new_lease())
        await checkout(path, {"main.py": "top", "app/main.py": "inner", "app/web/index.html": ""})

        whole, part = await workspaces.tree(path, ""), await workspaces.tree(path, "app")

        assert ["app/main.py", "app/web/index.html", "main.py"] == list(whole.paths())
        assert list(whole.paths()) == list(part.paths())
        assert ["top", "inner"] == [
            await to_thread.run_sync(part.read, name) for name in ("main.py", "app/main.py")
        ]

    @pytest.mark.parametrize("root_dir", ["nowhere", "main.py", "..", "link"])
    async def test_a_root_dir_must_be_a_directory_inside_the_repository(
        self, workspaces: Workspaces, root_dir: str
    ) -> None:
        """A missing directory, a file, a parent and a link to the outside raise SourceError."""
        path = await workspaces.path(new_lease())
        await checkout(path, {"main.py": ""})
        await to_thread.run_sync((path / "link").symlink_to, Path("/"))

        with pytest.raises(SourceError):
            await workspaces.tree(path, root_dir)

    async def test_links_are_not_followed(self, workspaces: Workspaces) -> None:
        """A link to a file of the host is not in the tree."""
        path = await workspaces.path(new_lease())
        await checkout(path, {"main.py": ""})
        await to_thread.run_sync((path / "passwd").symlink_to, Path("/etc/passwd"))

        tree = await workspaces.tree(path, "")

        assert ["main.py"] == list(tree.paths())
        assert await to_thread.run_sync(tree.read, "passwd") is None


async def _scratch_path_after_error(workspaces: Workspaces) -> Path:
    """Return the path of a scratch directory whose block raised an error."""
    with suppress(SourceError):
        async with workspaces.scratch() as path:
            await checkout(path, {"main.py": ""})
            raise SourceError("It did not work.")
    return path
