"""Volumes and snapshots for tests."""

from typing import Any

from attrs import evolve

from pushpaka_core.domain.ids import SnapshotId, VolumeId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.testing.objects.values import NOON, an_id, new_uuid, numbers


def a_volume(project: Project, **fields: Any) -> Volume:
    """Return an attached volume of *project* in production."""
    number = next(numbers)
    standard = Volume(
        id=VolumeId(new_uuid(number)),
        user_id=project.user_id,
        project_id=project.id,
        target=PRODUCTION,
        name=f"volume-{number}",
        mount_path="data",
        created_at=NOON,
        updated_at=NOON,
    )
    return evolve(standard, **fields)


def a_snapshot(volume: Volume, **fields: Any) -> Snapshot:
    """Return a pending snapshot of *volume*."""
    return evolve(Snapshot(id=SnapshotId(an_id()), volume_id=volume.id, created_at=NOON), **fields)
