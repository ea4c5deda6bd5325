"""Tests how volumes are created, changed, detached, attached and deleted on the page."""

import tarfile
from datetime import datetime

import pytest
from anyio import fail_after, sleep
from playwright.async_api import FilePayload, Locator, expect
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.dashboard.visitors import Visitor

from pushpaka_core.testing.volumes.archives import entry, tar_of

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

REPO = "https://git.example.com/ann/shop.git"


@pytest.fixture
async def project(ann: Person) -> Json:
    return await ann.project(REPO)


def entries(visitor: Visitor, name: str) -> Locator:
    """Find the volumes of a list."""
    return visitor.page.get_by_role("list", name=name, exact=True).get_by_role("listitem")


async def stored_volumes(person: Person) -> list[Json]:
    """Return the volumes of *person* from the API."""
    return list((await person.ask("GET", "/volumes"))["data"])


def shown_date(time: str) -> str:
    """Return the date of an API time as the page shows it."""
    moment = datetime.fromisoformat(time)
    return f"{moment:%b} {moment.day}, {moment.year}"


async def test_a_volume_is_created_and_changed(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The error for a path that cannot be used is shown next to its field."""
    await visitor.go(f"/projects/{project['id']}/storage")
    await expect(visitor.heading("No volumes yet")).to_be_visible()

    await visitor.button("Create volume").click()
    await visitor.field("Name").fill("media")
    await visitor.field("Path").fill("/srv/media")
    await visitor.button("Create").click()
    await expect(visitor.field("Path")).to_have_accessible_description(
        'Must be a relative path such as "media" because this server runs apps without containers.'
    )
    await expect(visitor.field("Path")).to_be_focused()
    visitor.require_failed_responses("400 POST /api/v1/volumes")
    await visitor.field("Path").fill("uploads")
    await visitor.page.get_by_label("Access").select_option("many")
    await visitor.page.get_by_label("Size limit").fill("1024")
    await visitor.button("Create").click()

    entry = entries(visitor, "Volumes")
    for text in ("media", "uploads", "Many instances", "No volume"):
        await expect(entry).to_contain_text(text)
    await expect(entry).to_contain_text("Not measured yet (limit: 1 GiB)")
    await visitor.button("Edit media").click()
    await visitor.page.get_by_label("Previews").select_option("empty")
    await visitor.page.get_by_label("Size limit").fill("")
    await visitor.button("Save").click()
    await expect(entry).to_contain_text("An empty volume")

    (volume,) = await stored_volumes(ann)
    expected = {
        "name": "media",
        "mount_path": "uploads",
        "access": "many",
        "preview": "empty",
        "size_limit": None,
    }
    assert expected == {name: volume[name] for name in expected}


async def test_a_volume_is_detached_attached_and_deleted(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The page shows until when the files are kept. Deleting them requires the name."""
    about = {"project_id": project["id"], "name": "media", "mount_path": "media"}
    volume = await ann.ask("POST", "/volumes", about)
    await visitor.go(f"/projects/{project['id']}/storage")

    await visitor.button("Detach media").click()
    await expect(visitor.dialog).to_contain_text("Its files are kept for 7 days.")
    await visitor.confirm("Detach")
    await expect(visitor.heading("No volumes yet")).to_be_visible()
    (detached,) = await stored_volumes(ann)
    kept_until = f"Files are kept until {shown_date(detached['purge_after'])}"
    await expect(entries(visitor, "Detached volumes")).to_contain_text(["media"])
    await expect(visitor.says(kept_until)).to_be_visible()

    await visitor.button("Attach media").click()
    await expect(visitor.heading("Detached volumes")).to_have_count(0)
    await expect(entries(visitor, "Volumes")).to_contain_text(["media"])
    (attached,) = await stored_volumes(ann)
    assert attached["purge_after"] is None

    await ann.ask("DELETE", f"/volumes/{volume['id']}")
    await visitor.go(f"/projects/{project['id']}/storage")
    await visitor.press("Delete media")
    await expect(visitor.button("Delete files")).to_be_disabled()
    await visitor.type("Type", "media")
    await visitor.page.keyboard.press("Enter")
    await expect(visitor.heading("Detached volumes")).to_have_count(0)
    assert [] == await stored_volumes(ann)


async def test_snapshots_are_taken_restored_and_deleted(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The page follows the worker. A volume without files has no snapshots."""
    about = {"project_id": project["id"], "name": "media", "mount_path": "media"}
    volume = await ann.ask("POST", "/volumes", about)
    await visitor.go(f"/projects/{project['id']}/storage")
    await expect(visitor.button("Take snapshot of media")).to_be_disabled()
    await ann.upload(f"/volumes/{volume['id']}/files", tar_of([entry("file", b"one")]))
    await visitor.page.reload()

    await visitor.button("Take snapshot of media").click()
    snapshots = entries(visitor, "Snapshots of media")
    await expect(snapshots).to_contain_text(["Available"])
    await expect(snapshots).to_contain_text(["3 B of files"])
    await snapshots.get_by_role("button", name="Restore").click()
    await expect(visitor.field("Name of the new volume")).to_have_value("media-restored")
    await visitor.confirm("Restore")

    restored = entries(visitor, "Detached volumes")
    await expect(restored).to_contain_text(["media-restored"])
    await expect(visitor.button("Attach media-restored")).to_be_visible()
    await visitor.button("Delete snapshot").click()
    await visitor.confirm("Delete")
    await expect(visitor.says("There are no snapshots.")).to_have_count(2)
    assert [] == (await ann.ask("GET", "/snapshots"))["data"]
    assert ["media-restored", "media"] == [one["name"] for one in await stored_volumes(ann)]


async def test_snapshots_of_a_detached_volume_are_taken_restored_and_deleted(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The restored volume is attached, because its path is free."""
    about = {"project_id": project["id"], "name": "media", "mount_path": "media"}
    volume = await ann.ask("POST", "/volumes", about)
    await ann.upload(f"/volumes/{volume['id']}/files", tar_of([entry("file", b"one")]))
    await ann.ask("DELETE", f"/volumes/{volume['id']}")
    await visitor.go(f"/projects/{project['id']}/storage")

    await visitor.button("Take snapshot of media").click()
    snapshots = entries(visitor, "Snapshots of media")
    await expect(snapshots).to_contain_text(["Available"])
    await snapshots.get_by_role("button", name="Restore").click()
    await visitor.confirm("Restore")

    await expect(entries(visitor, "Volumes")).to_contain_text(["media-restored"])
    await visitor.button("Delete snapshot").click()
    await visitor.confirm("Delete")
    await expect(visitor.says("There are no snapshots.")).to_have_count(2)


@pytest.mark.parametrize("is_detached", [False, True])
async def test_files_are_uploaded_and_downloaded(
    visitor: Visitor, ann: Person, project: Json, is_detached: bool
) -> None:
    """Uploads keep other files. The download is a tar archive, and no URL contains the token."""
    about = {"project_id": project["id"], "name": "media", "mount_path": "media"}
    volume = await ann.ask("POST", "/volumes", about)
    if is_detached:
        await ann.ask("DELETE", f"/volumes/{volume['id']}")
    await visitor.go(f"/projects/{project['id']}/storage")
    await expect(visitor.button("Download the files of media")).to_be_disabled()

    for files in {"a.txt": b"old"}, {"a.txt": b"new", "ä 😀.bin": bytes(range(256)) * 4096}:
        await visitor.button("Upload files to media").click()
        chosen = [
            FilePayload(name=name, mimeType="", buffer=content) for name, content in files.items()
        ]
        await visitor.dialog.get_by_label("Files", exact=True).set_input_files(chosen)
        await visitor.confirm("Upload")
        await expect(visitor.dialog).to_have_count(0)
    async with visitor.page.expect_download() as downloading:
        await visitor.button("Download the files of media").click()
    download = await downloading.value

    assert "media.tar" == download.suggested_filename
    with tarfile.open(await download.path()) as tar:
        names = {name.removeprefix("./") for name in tar.getnames()} - {"", "."}
        found = {member.name: tar.extractfile(member) for member in tar if member.isreg()}
        contents = {name.removeprefix("./"): file.read() for name, file in found.items() if file}
    assert files.keys() == names
    assert files == contents


async def test_an_upload_that_exceeds_the_limit_is_refused(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The dialog shows why."""
    about = {"project_id": project["id"], "name": "media", "mount_path": "media", "size_limit": 1}
    volume = await ann.ask("POST", "/volumes", about)
    await visitor.go(f"/projects/{project['id']}/storage")
    await visitor.button("Upload files to media").click()
    large = FilePayload(name="large", mimeType="", buffer=bytes(2**20))
    await visitor.dialog.get_by_label("Files", exact=True).set_input_files([large])

    await visitor.confirm("Upload")

    await expect(visitor.dialog.get_by_label("Files", exact=True)).to_have_accessible_description(
        "Must be smaller: the volume uses 0 of 1 MiB. Delete files, or raise the size limit."
    )
    visitor.require_failed_responses(f"400 PUT /api/v1/volumes/{volume['id']}/files")


async def test_a_volume_larger_than_its_limit_is_marked(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """A higher limit ends the state at once."""
    about = {"project_id": project["id"], "name": "media", "mount_path": "media"}
    volume = await ann.ask("POST", "/volumes", about)
    large = tar_of([entry("file", bytes(range(256)) * 8192)])
    await ann.upload(f"/volumes/{volume['id']}/files", large)
    await ann.ask("PATCH", f"/volumes/{volume['id']}", {"size_limit": 1})
    await visitor.go(f"/projects/{project['id']}/storage")
    shown = entries(visitor, "Volumes")
    with fail_after(PATIENCE):  # The measurement of a new volume is due at once.
        while not (await stored_volumes(ann))[0]["over_limit_since"]:
            await sleep(0.1)

    await visitor.page.reload()
    await expect(shown).to_contain_text("Larger than its limit")
    await visitor.button("Edit media").click()
    await visitor.page.get_by_label("Size limit").fill("3")
    await visitor.button("Save").click()

    await expect(shown).not_to_contain_text("Larger than its limit")


async def test_volumes_of_a_deleted_project_can_be_attached(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """They are offered in the other projects of their owner."""
    old = await ann.project(REPO, "Old shop")
    about = {"project_id": old["id"], "name": "orders", "mount_path": "orders"}
    volume = await ann.ask("POST", "/volumes", about)
    await visitor.go(f"/projects/{old['id']}/settings")
    await visitor.button("Delete").click()
    await expect(visitor.dialog).to_contain_text("The files of volumes are kept for 7 days")
    await visitor.dialog.get_by_role("textbox").fill("Old shop")
    await visitor.confirm("Delete project")
    await expect(visitor.heading("Projects")).to_be_visible()

    await visitor.go(f"/projects/{project['id']}/storage")
    await visitor.button("Attach orders").click()

    await expect(entries(visitor, "Volumes")).to_contain_text(["orders"])
    attached = await ann.ask("GET", f"/volumes/{volume['id']}")
    assert project["id"] == attached["project_id"]
