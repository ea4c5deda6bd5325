"""Giving files to a project and taking them away, while programs of the project live."""

import os
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after, to_thread
from tests.security.conftest import Stranger

from pushpaka_core.adapters.process.releases import Releases
from pushpaka_core.adapters.process.removal import remove_tree
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


@pytest.mark.parametrize(("part", "entries"), [("app", 2000), ("scratch", 2)])
async def test_nothing_is_given_before_all_of_it_is(
    stranger: Stranger, data: Path, tmp_path: Path, part: str, entries: int
) -> None:
    """A program of the project that waits for a release finds nothing of ours to bend in it."""
    if part == "scratch" and not stranger.uid:
        pytest.skip("where programs run as the platform itself, nothing is kept from them")
    release = Releases(data / "releases").of(new_lease())
    source = await checkout(tmp_path / "source", {str(number): "" for number in range(2000)})

    with fail_after(20):
        async with stranger.running(_WAIT, getattr(release, part)):
            await to_thread.run_sync(release.begin, source, stranger.uid)

    assert f"ready\n{entries} True\n" == stranger.output.decode()


async def test_removing_reaches_nothing_outside(data: Path, tmp_path: Path) -> None:
    """Links go, what they lead to stays; so do the other names of a file."""
    kept, tree = tmp_path / "kept", data / "tree"
    await checkout(kept, {"file": "kept"})
    await checkout(tree, {"inner/x": ""})
    (tree / "inner" / "link").symlink_to(kept)
    (tree / "top").symlink_to(kept)
    (data / "other").write_text("kept")
    (tree / "inner" / "hard").hardlink_to(data / "other")

    await to_thread.run_sync(remove_tree, tree)

    assert not tree.exists()
    assert ["kept", "kept"] == [(kept / "file").read_text(), (data / "other").read_text()]


async def test_a_tree_may_be_removed_by_several_at_a_time(data: Path) -> None:
    """Two verbs that clean up the same meet; each of them ends with the tree gone."""
    tree = data / "tree"
    await checkout(tree, {f"{first}/{second}/x": "" for first in range(30) for second in range(9)})

    async with create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(to_thread.run_sync, remove_tree, tree)

    assert not tree.exists()


async def test_a_link_is_not_removed_as_a_tree(data: Path, tmp_path: Path) -> None:
    """Whoever puts a link in the place of a tree loses nothing behind it."""
    await checkout(tmp_path / "kept", {"file": "kept"})
    (data / "tree").symlink_to(tmp_path / "kept")

    with pytest.raises(OSError, match="tree"):
        await to_thread.run_sync(remove_tree, data / "tree")

    assert "kept" == (tmp_path / "kept" / "file").read_text()


@pytest.mark.parametrize("while_it_lives", [False, True] if os.geteuid() == 0 else [False])
async def test_removing_ends_whoever_meddles(
    stranger: Stranger, data: Path, tmp_path: Path, *, while_it_lives: bool
) -> None:
    """A living program can neither keep its tree by filling it nor lead the removal elsewhere."""
    kept, tree = tmp_path / "kept", data / "tree"
    await checkout(kept, {"file": "kept", "b/c/file": "kept"})
    tree.mkdir()
    os.chown(tree, -1 if stranger.uid is None else stranger.uid, -1)

    with fail_after(20):
        async with stranger.running(_MEDDLE, tree, kept) as tasks:
            if while_it_lives:
                await to_thread.run_sync(remove_tree, tree)
            tasks.cancel_scope.cancel()
        await to_thread.run_sync(remove_tree, tree)

    assert not tree.exists()
    assert ["kept", "kept"] == [(kept / path).read_text() for path in ("file", "b/c/file")]
