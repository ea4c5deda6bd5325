"""Tests `pushpaka volumes`."""

from pathlib import Path

import pytest
from click.testing import Result
from tests.cli.commands.machines import Machine

pytestmark = pytest.mark.usefixtures("project")


def test_a_volume_is_created_and_listed(ann: Machine) -> None:
    created = ann.run("volumes", "create", "media", "media", "--preview", "empty")

    (volume,) = ann.json("volumes")["data"]
    assert "Created media. The next deployment mounts it.\n" == created.stdout
    assert "Next: pushpaka deploy\n" == created.stderr
    assert ("media", "one", "empty") == (
        volume["mount_path"], volume["access"], volume["preview"],
    )  # fmt: skip
    assert ["media", "production", "media", "one", *"-----"] == (
        ann.run("volumes", "list").stdout.splitlines()[1].split()
    )
    assert "There are no volumes.\n" == ann.run("volumes", "list", "--detached").stderr


def test_a_volume_is_detached_and_attached_again(ann: Machine) -> None:
    ann.run("volumes", "create", "media", "media")

    detached = ann.run("volumes", "detach", "media")
    (listed,) = ann.json("volumes", "list", "--detached")["data"]
    again = ann.run("volumes", "detach", "media", code=1)
    attached = ann.run("volumes", "attach", "media")

    assert detached.stdout.startswith("Detached media. The volume was detached. Its files are kept")
    assert listed["purge_after"] is not None
    assert 'There is no volume "media".' in again.stderr
    assert attached.stdout.startswith("Attached media to ")
    assert [] == ann.json("volumes", "list", "--detached")["data"]


def test_only_a_detached_volume_is_purged(ann: Machine) -> None:
    """The name has to be typed, unless --yes is given."""
    ann.run("volumes", "create", "media", "media")
    attached = ann.run("volumes", "purge", "media", "--yes", code=1)
    ann.run("volumes", "detach", "media")

    unasked = ann.run("volumes", "purge", "media", code=2)
    purged = ann.run("volumes", "purge", "media", "--yes")

    assert 'There is no detached volume "media".' in attached.stderr
    assert "Use --yes" in unasked.stderr
    assert "Deleted media, its files and its snapshots.\n" == purged.stdout
    assert [] == ann.json("volumes")["data"]


def test_a_detached_volume_is_attached_to_another_project_by_its_id(ann: Machine) -> None:
    ann.run("volumes", "create", "media", "media")
    ann.run("volumes", "detach", "media")
    ann.run("projects", "create", "garden", "--repo", "https://git.example.com/ann/garden")
    (volume,) = ann.json("volumes", "list", "--detached")["data"]

    unknown = ann.run("volumes", "attach", "media", "--project", "garden", code=1)
    ann.run("volumes", "attach", volume["id"], "--project", "garden")

    assert 'There is no detached volume "media".' in unknown.stderr
    assert ["media"] == [one["name"] for one in ann.json("volumes", "-p", "garden")["data"]]


def test_a_snapshot_is_taken_listed_and_restored(ann: Machine, tmp_path: Path) -> None:
    ann.run("volumes", "create", "media", "media")
    _put(ann, tmp_path, "one")

    taken = ann.json("volumes", "snapshot", "media")
    listed = ann.run("volumes", "snapshots", "media")
    restored = ann.run("volumes", "restore", taken["id"], "media-restored")

    assert ("available", 1) == (taken["status"], taken["files"])
    assert {taken["id"], "available"} <= set(listed.stdout.splitlines()[1].split())
    assert restored.stdout.startswith("Restored media-restored as a detached volume.")
    names = {one["name"] for one in ann.json("volumes", "list")["data"]}
    assert {"media", "media-restored"} == names


def test_a_restored_volume_is_attached_if_its_path_is_free(ann: Machine, tmp_path: Path) -> None:
    ann.run("volumes", "create", "media", "media")
    _put(ann, tmp_path, "one")
    taken = ann.json("volumes", "snapshot", "media")
    ann.run("volumes", "detach", "media")

    restored = ann.run("volumes", "restore", taken["id"], "media")

    attached = "Restored and attached media. The next deployment mounts it.\n"
    assert attached == restored.stdout
    ann.run("volumes", "get", "media", "file", "--into", str(tmp_path / "got"))
    assert "one" == (tmp_path / "got" / "file").read_text()


def test_files_and_snapshots_of_a_detached_volume_are_accessible(
    ann: Machine, tmp_path: Path
) -> None:
    """A restored volume can stay detached. A name stands for the attached volume first."""
    ann.run("volumes", "create", "media", "media")
    _put(ann, tmp_path, "old")
    taken = ann.json("volumes", "snapshot", "media")
    ann.run("volumes", "restore", taken["id"], "media-restored")
    ann.run("volumes", "detach", "media")
    (detached,) = (one for one in ann.json("volumes")["data"] if one["name"] == "media")
    listed = ann.run("volumes", "snapshots", "media").stdout
    changed = ann.run("volumes", "update", "media-restored", "--size-limit", "64").stdout
    ann.run("volumes", "restore", taken["id"], "media")
    _put(ann, tmp_path, "new")

    contents = {}
    for volume in "media-restored", detached["id"], "media":
        ann.run("volumes", "get", volume, "--into", str(tmp_path / volume))
        contents[volume] = (tmp_path / volume / "file").read_text()

    assert {"media-restored": "old", detached["id"]: "old", "media": "new"} == contents
    assert taken["id"] in listed
    assert "The volume is detached, so no deployment uses it." in changed


def test_the_node_of_a_volume_is_listed(ann: Machine, tmp_path: Path) -> None:
    ann.run("volumes", "create", "media", "media")
    _put(ann, tmp_path, "one")

    headings, cells = ann.run("volumes").stdout.splitlines()

    assert "local" == cells[headings.index("NODE") :].split()[0]


def test_a_snapshot_is_deleted(ann: Machine, tmp_path: Path) -> None:
    """Its id has to be typed, unless --yes is given."""
    ann.run("volumes", "create", "media", "media")
    _put(ann, tmp_path, "one")
    taken = ann.json("volumes", "snapshot", "media")

    unasked = ann.run("volumes", "delete-snapshot", taken["id"], code=2)
    deleted = ann.run("volumes", "delete-snapshot", taken["id"], "--yes")

    assert "Use --yes" in unasked.stderr
    assert deleted.stdout.startswith("The snapshot of ")
    assert "There are no snapshots.\n" == ann.run("volumes", "snapshots", "media").stderr


def test_settings_are_changed_and_removed(ann: Machine) -> None:
    ann.run("volumes", "create", "media", "media")
    settings = {"size_limit": 64, "snapshot_every": 24, "snapshot_keep": 3, "access": "many"}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]

    changed = ann.run("volumes", "update", "media", *options)
    (volume,) = ann.json("volumes")["data"]
    listed = ann.run("volumes").stdout
    removed = ann.json("volumes", "update", "media", "--size-limit", "none", "--preview", "copy")
    nothing = ann.run("volumes", "update", "media", code=2)
    no_number = ann.run("volumes", "update", "media", "--size-limit", "much", code=2)

    assert "Changed media. The next deployment uses the settings.\n" == changed.stdout
    assert settings == {name: volume[name] for name in settings}
    assert "64 MiB" in listed
    assert (None, 24, "copy") == (
        removed["size_limit"], removed["snapshot_every"], removed["preview"],
    )  # fmt: skip
    assert "There is nothing to change." in nothing.stderr
    assert "is not a whole number or" in no_number.stderr


def test_a_failed_snapshot_has_a_reason(ann: Machine) -> None:
    ann.run("volumes", "create", "media", "media")

    failed = ann.run("volumes", "snapshot", "media", code=1)

    assert "has no files yet. Deploy the project first." in failed.stderr


def test_files_are_uploaded_and_downloaded(ann: Machine, tmp_path: Path) -> None:
    ann.run("volumes", "create", "media", "media")

    put = _put(ann, tmp_path, "one", "deep/down")
    got = ann.run("volumes", "get", "media", "deep/down/file", "--into", str(tmp_path / "got"))
    ann.run("volumes", "get", "media", "--into", str(tmp_path / "all"))

    assert "The files were written to the volume.\n" == put.stdout
    assert got.stderr.startswith("Downloaded 1 file into ")
    assert "one" == (tmp_path / "got" / "file").read_text()
    assert "one" == (tmp_path / "all" / "deep" / "down" / "file").read_text()


def _put(ann: Machine, directory: Path, content: str, *path: str) -> Result:
    file = directory / "file"
    file.write_text(content)
    return ann.run("volumes", "put", "media", str(file), *path)
