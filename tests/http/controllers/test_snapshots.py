"""Snapshots and files of volumes over HTTP."""

from typing import Any

import pytest
from attrs import evolve
from tests.http.clients import UNLIMITED, Person, register_user, statuses_of
from tests.http.instances import Instance

from pushpaka_core.testing.unpacker import chunks_of
from pushpaka_core.testing.volumes.archives import entry, tar_of, unpacked
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

FIELDS = [
    "id", "volume_id", "is_automatic", "status", "bytes", "sha256", "files", "content_bytes",
    "bytes_done", "bytes_total", "error", "created_at", "finished_at",
]  # fmt: skip
FILES = tar_of([entry("one", b"1"), entry("d/two", b"2")])


async def volume(person: Person, files: bytes = FILES) -> dict[str, Any]:
    """Create a volume with files."""
    project = await person.project()
    body = {"project_id": project["id"], "name": "media", "mount_path": "media"}
    created = (await person.post("/volumes", body)).json()
    sent = await person.ask("PUT", f"/volumes/{created['id']}/files", content=files)
    assert 200 == sent.status_code, sent.text
    return dict(created)


async def test_a_snapshot_is_taken_restored_and_deleted(ann: Person, instance: Instance) -> None:
    media = await volume(ann)

    requested = await ann.post(f"/volumes/{media['id']}/snapshots")
    path = f"/snapshots/{requested.json()['id']}"
    await instance.take_snapshots()
    taken = await ann.get(f"{path}?wait=1")
    listed = await ann.get(f"/snapshots?volume_id={media['id']}")
    metrics = (await ann.client.get("/metrics")).text
    restored = await ann.post(f"{path}/restore", {"into": "media-restored"})
    early = await ann.ask("DELETE", path)
    await instance.take_snapshots()
    complete = await ann.get(f"/volumes/{restored.json()['id']}?wait=1")
    deleted = await ann.ask("DELETE", path)

    assert [201, 200, 200, 201, 409, 200] == statuses_of(
        requested, taken, listed, restored, early, deleted
    )
    assert (FIELDS, "pending") == (list(requested.json()), requested.json()["status"])
    assert ("available", 2) == (taken.json()["status"], taken.json()["files"])
    assert {"data": [taken.json()]} == listed.json()
    assert f'pushpaka_volume_snapshot_timestamp_seconds{{volume="{media["id"]}"}} ' in metrics
    assert None is not restored.json()["restoring_since"]
    assert (None, None) == (
        complete.json()["restoring_since"],
        complete.json()["restore_error"],
    )
    assert [] == (await ann.get("/snapshots")).json()["data"]


async def test_files_are_sent_and_received(ann: Person) -> None:
    media = await volume(ann)
    path = f"/volumes/{media['id']}/files"

    everything, part = await ann.get(path), await ann.get(path, params={"path": "d"})
    missing = await ann.get(path, params={"path": "../etc"})
    damaged = await ann.ask("PUT", path, content=b"no archive")

    assert [200, 200, 404, 400] == statuses_of(everything, part, missing, damaged)
    assert "application/x-tar" == everything.headers["content-type"]
    assert {"one": b"1", "d/two": b"2"} == await _contents(everything.content)
    assert {"d/two": b"2"} == await _contents(part.content)


async def test_uploads_are_limited(instance: Instance) -> None:
    """An upload may exceed neither the maximum archive size nor the volume's size limit."""
    app = create_app(instance.application, limits=evolve(UNLIMITED, archive_size=2**20))
    ann = await register_user(app)
    media = await volume(ann)
    path = f"/volumes/{media['id']}/files"

    too_large = await ann.ask("PUT", path, content=bytes(2**20 + 1))
    await ann.ask("PATCH", f"/volumes/{media['id']}", {"size_limit": 1})
    large = tar_of([entry("large", bytes(2**20 - 20_000))])
    fitting = await ann.ask("PUT", path, content=large)
    full = await ann.ask("PUT", path, content=large)

    assert [200, 400, 413] == statuses_of(fitting, full, too_large)
    assert "must be smaller: the volume uses 0 of 1 MiB. Delete files, or raise" in full.text


async def test_files_beyond_the_limit_are_not_restored(ann: Person, instance: Instance) -> None:
    """The response names the size of the files and the remedy."""
    media = await volume(ann, tar_of([entry("large", bytes(2**20 + 1))]))
    taken = (await ann.post(f"/volumes/{media['id']}/snapshots")).json()
    await instance.take_snapshots()
    await ann.ask("PATCH", f"/volumes/{media['id']}", {"size_limit": 1})

    refused = await ann.post(f"/snapshots/{taken['id']}/restore", {"into": "copy"})

    assert 409 == refused.status_code
    assert "The snapshot's files use 2 MiB" in refused.text
    assert 2**20 + 1 == (await ann.get(f"/snapshots/{taken['id']}")).json()["content_bytes"]


async def _contents(archive: bytes) -> dict[str, bytes]:
    found = await unpacked(chunks_of(archive))
    return {name: content for name, (_, content) in found.items() if content}
