"""
What all workspaces must do, as tests.

Derive a test class from `WorkspacesContract` in a module whose fixture is
`workspaces`: workspaces in which no lease has a directory yet.
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
    """The promises of the port `Workspaces`; each holds for every adapter."""

    async def test_each_lease_has_a_place_of_its_own(self, workspaces: Workspaces) -> None:
        """Places are absolute, different, and nothing is there yet."""
        paths = [await workspaces.path(new_lease()) for _ in range(2)]

        assert 2 == len(set(paths))
        for path in paths:
            assert path.is_absolute()
            assert not await to_thread.run_sync(path.exists)
            assert await to_thread.run_sync(path.parent.is_dir)

    async def test_a_second_try_begins_with_nothing(self, workspaces: Workspaces) -> None:
        """What the same lease had there before is gone."""
        lease = new_lease()
        await checkout(await workspaces.path(lease), {"main.py": ""})

        path = await workspaces.path(lease)

        assert not await to_thread.run_sync(path.exists)

    async def test_leases_with_a_directory_are_known(self, workspaces: Workspaces) -> None:
        """So that those of nobody can be found; removing them twice is harmless."""
        kept, removed = new_lease(), new_lease()
        for lease in (kept, removed):
            await checkout(await workspaces.path(lease), {"main.py": ""})

        await workspaces.remove(removed)
        await workspaces.remove(removed)

        assert [kept] == list(await workspaces.leases())
        await workspaces.remove(kept)
        assert [] == list(await workspaces.leases())

    async def test_a_scratch_place_is_nobodys_and_gone_with_its_block(
        self, workspaces: Workspaces
    ) -> None:
        """It is as a lease's is, and goes whether its block ends well or not."""
        async with workspaces.scratch() as other:
            path = await _failing_in_scratch(workspaces)
            assert path != other
            assert path.is_absolute()

        assert not await to_thread.run_sync(path.parent.exists)
        assert not await to_thread.run_sync(other.parent.exists)

    async def test_a_scratch_place_in_use_is_not_swept(self, workspaces: Workspaces) -> None:
        """A sweep takes what is old."""
        async with workspaces.scratch() as path:
            existed = await to_thread.run_sync(path.exists)
            await checkout(path, {"main.py": ""})

            await workspaces.sweep_scratch(timedelta(hours=1))

            assert (False, True) == (existed, await to_thread.run_sync(path.exists))
            assert [] == list(await workspaces.leases())

    async def test_a_tree_shows_the_files(self, workspaces: Workspaces) -> None:
        """Wherever the application lies, the tree is that of the repository; texts can be read."""
        path = await workspaces.path(new_lease())
        await checkout(path, {"main.py": "top", "app/main.py": "inner", "app/web/index.html": ""})

        whole, part = await workspaces.tree(path, ""), await workspaces.tree(path, "app")

        assert ["app/main.py", "app/web/index.html", "main.py"] == list(whole.paths())
        assert list(whole.paths()) == list(part.paths())
        assert ["top", "inner"] == [
            await to_thread.run_sync(part.read, name) for name in ("main.py", "app/main.py")
        ]

    @pytest.mark.parametrize("root_dir", ["nowhere", "main.py", "..", "link"])
    async def test_a_root_dir_is_a_directory_inside(
        self, workspaces: Workspaces, root_dir: str
    ) -> None:
        """What is missing, a file, outside or a link to outside is refused."""
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


async def _failing_in_scratch(workspaces: Workspaces) -> Path:
    """Return a place whose block has ended with an error."""
    with suppress(SourceError):
        async with workspaces.scratch() as path:
            await checkout(path, {"main.py": ""})
            raise SourceError("It did not work.")
    return path
