"""Changing the owner of a project's files, and removing them, while its programs run."""

import os
from pathlib import Path

import pytest
from anyio import create_task_group, to_thread
from tests.security.conftest import ProjectUser

from pushpaka_core.adapters.process.releases import Releases
from pushpaka_core.adapters.process.sandbox.removal import remove_tree
from pushpaka_core.testing.applications import checkout, new_lease

pytestmark = pytest.mark.anyio

_WAIT = """
import os, sys
print("ready", flush=True)
while True:
    try:
        names = os.listdir(sys.argv[1])
    except OSError:
        continue
    owners = {os.lstat(f"{sys.argv[1]}/{name}").st_uid for name in names}
    print(len(names), owners == {os.getuid()}, flush=True)
    break
"""
_MEDDLE = """
import os, sys
os.chdir(sys.argv[1])
here = os.getcwd()
print("ready", flush=True)
while True:
    for change in (
        lambda: os.makedirs("a/b/c", exist_ok=True),
        lambda: os.rename("a", "d"),
        lambda: os.symlink(sys.argv[2], "a"),
        lambda: os.unlink("a"),
        lambda: os.rename("d", "a"),
    ):
        try:
            change()
        except OSError:
            pass
"""


@pytest.mark.parametrize(("part", "entries"), [("app", 2000), ("build_scratch", 2)])
async def test_files_are_given_to_a_project_all_at_once(
    project_user: ProjectUser, data_directory: Path, tmp_path: Path, part: str, entries: int
) -> None:
    """A running program of the project cannot replace any file before the last one is ready."""
    if part == "build_scratch" and not project_user.uid:
        pytest.skip("where programs run as the platform itself, nothing is kept from them")
    release = Releases(data_directory / "releases").for_lease(new_lease())
    source = await checkout(tmp_path / "source", {str(number): "" for number in range(2000)})

    async with project_user.running(_WAIT, getattr(release, part)):
        await to_thread.run_sync(release.initialize, source, project_user.uid)

    assert f"ready\n{entries} True\n" == project_user.output.decode()


async def test_removing_a_tree_does_not_follow_links(data_directory: Path, tmp_path: Path) -> None:
    kept, tree = tmp_path / "kept", data_directory / "tree"
    await checkout(kept, {"file": "kept"})
    await checkout(tree, {"inner/x": ""})
    (tree / "inner" / "link_programs").symlink_to(kept)
    (tree / "top").symlink_to(kept)
    (data_directory / "other").write_text("kept")
    (tree / "inner" / "hard").hardlink_to(data_directory / "other")

    await to_thread.run_sync(remove_tree, tree)

    assert not tree.exists()
    assert ["kept", "kept"] == [(kept / "file").read_text(), (data_directory / "other").read_text()]


async def test_a_tree_can_be_removed_concurrently(data_directory: Path) -> None:
    tree = data_directory / "tree"
    await checkout(tree, {f"{first}/{second}/x": "" for first in range(30) for second in range(9)})

    async with create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(to_thread.run_sync, remove_tree, tree)

    assert not tree.exists()


async def test_a_link_is_not_removed_as_a_tree(data_directory: Path, tmp_path: Path) -> None:
    await checkout(tmp_path / "kept", {"file": "kept"})
    (data_directory / "tree").symlink_to(tmp_path / "kept")

    with pytest.raises(OSError, match="tree"):
        await to_thread.run_sync(remove_tree, data_directory / "tree")

    assert "kept" == (tmp_path / "kept" / "file").read_text()


@pytest.mark.parametrize("is_program_running", [False, True] if os.geteuid() == 0 else [False])
async def test_a_running_program_cannot_prevent_or_redirect_a_removal(
    project_user: ProjectUser, data_directory: Path, tmp_path: Path, *, is_program_running: bool
) -> None:
    kept, tree = tmp_path / "kept", data_directory / "tree"
    await checkout(kept, {"file": "kept", "b/c/file": "kept"})
    tree.mkdir()
    os.chown(tree, -1 if project_user.uid is None else project_user.uid, -1)

    async with project_user.running(_MEDDLE, tree, kept) as tasks:
        if is_program_running:
            await to_thread.run_sync(remove_tree, tree)
        tasks.cancel_scope.cancel()
    await to_thread.run_sync(remove_tree, tree)

    assert not tree.exists()
    assert ["kept", "kept"] == [(kept / path).read_text() for path in ("file", "b/c/file")]
