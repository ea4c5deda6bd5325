"""Volumes over HTTP."""

import pytest
from tests.http.clients import Person, statuses_of
from tests.http.instances import Instance

from pushpaka_core.container.volumes import volume_meter
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.testing.volumes.archives import entry, tar_of

pytestmark = pytest.mark.anyio

FIELDS = [
    "id", "project_id", "user_id", "target", "name", "mount_path", "access", "preview",
    "size_limit", "snapshot_every", "snapshot_keep", "node", "used_bytes", "measured_at",
    "over_limit_since", "snapshot_overdue_since", "created_at", "updated_at", "detached_at",
    "purge_after", "restored_from", "restoring_since", "restore_bytes_done",
    "restore_bytes_total", "restore_error",
]  # fmt: skip


async def test_a_volume_is_created_and_changed(ann: Person) -> None:
    project = await ann.project()

    created = await ann.post(
        "/volumes", {"project_id": project["id"], "name": "media", "mount_path": "media"}
    )
    volume = created.json()
    changed = await ann.ask("PATCH", f"/volumes/{volume['id']}", {"size_limit": 64})
    reset = await ann.ask("PATCH", f"/volumes/{volume['id']}", {"size_limit": None})

    assert (201, FIELDS) == (created.status_code, list(volume))
    expected = {"target": "production", "access": "one", "preview": "none", "used_bytes": None}
    assert expected.items() <= volume.items()
    assert (64, None) == (changed.json()["size_limit"], reset.json()["size_limit"])
    assert {"data": [reset.json()]} == (await ann.get("/volumes")).json()


async def test_a_volume_is_purged_in_two_steps(ann: Person, instance: Instance) -> None:
    project = await ann.project()
    body = {"project_id": project["id"], "name": "media", "mount_path": "media"}
    volume = (await ann.post("/volumes", body)).json()
    purge = {"name": "media"}

    early = await ann.post(f"/volumes/{volume['id']}/purge", purge)
    detached = await ann.ask("DELETE", f"/volumes/{volume['id']}")
    shown = await ann.get(f"/volumes/{volume['id']}")
    attached = await ann.post(f"/volumes/{volume['id']}/attach")
    await ann.ask("DELETE", f"/volumes/{volume['id']}")
    misspelled = await ann.post(f"/volumes/{volume['id']}/purge", {"name": "medium"})
    purged = await ann.post(f"/volumes/{volume['id']}/purge", purge)
    gone = await ann.get(f"/volumes/{volume['id']}")

    assert [409, 200, 200, 200, 400, 200, 404] == statuses_of(
        early, detached, shown, attached, misspelled, purged, gone
    )
    kept_until = shown.json()["purge_after"]
    message = f"The volume was detached. Its files are kept until {kept_until[:10]}."
    assert {"message": message} == detached.json()
    assert (None, None) == (attached.json()["detached_at"], attached.json()["purge_after"])
    assert {"message": "The volume, its files and its snapshots were deleted."} == purged.json()
    assert set() == set(await instance.services.volume_files.ids())


async def test_metrics_show_sizes_and_limits_of_volumes(ann: Person, instance: Instance) -> None:
    project = await ann.project()
    body = {"project_id": project["id"], "name": "media", "mount_path": "media", "size_limit": 3}
    volume = (await ann.post("/volumes", body)).json()

    before = (await ann.client.get("/metrics")).text
    (stored,) = await instance.services.volumes.all(PLATFORM)
    await instance.services.volume_files.create(stored)
    await volume_meter(instance.services.adapters).measure_due()
    after = (await ann.client.get("/metrics")).text

    assert "pushpaka_volume_bytes{" not in before
    assert f'pushpaka_volume_limit_bytes{{volume="{volume["id"]}"}} 3.145728e+06' in before
    assert f'pushpaka_volume_bytes{{volume="{volume["id"]}"}} 0.0' in after


async def test_volume_shows_that_it_is_over_its_limit(ann: Person) -> None:
    """`over_limit_since` is the time of the measurement, and null once the limit is raised."""
    project = await ann.project()
    body = {"project_id": project["id"], "name": "media", "mount_path": "media"}
    path = f"/volumes/{(await ann.post('/volumes', body)).json()['id']}"
    await ann.ask("PUT", f"{path}/files", content=tar_of([entry("large", bytes(2**20 + 1))]))
    await ann.ask("PATCH", path, {"size_limit": 1})

    over = (await ann.get(path)).json()
    await ann.ask("PATCH", path, {"size_limit": 2})
    raised = (await ann.get(path)).json()

    assert (2**20 + 1, over["measured_at"]) == (over["used_bytes"], over["over_limit_since"])
    assert raised["over_limit_since"] is None
