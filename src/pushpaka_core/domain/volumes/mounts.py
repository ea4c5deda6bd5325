"""Mounts: how the instances of a release access volumes."""

from enum import StrEnum

from attrs import frozen

from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.errors import StartError


class VolumeAccess(StrEnum):
    """How many instances can use a volume at the same time."""

    ONE = "one"
    """
    One instance of each process type, and instances of one release only. A deployment holds
    requests, stops the old instances and then starts the new ones.
    """
    MANY = "many"
    """Any number of instances, if the app can share its files between them."""


@frozen(kw_only=True)
class VolumeMount:
    """A volume in the file system of an instance."""

    volume_id: VolumeId
    name: str
    """The name of the volume within its project, for messages."""
    path: str
    """
    The path at which the app finds the files: absolute in a container, or relative to the app's
    directory.
    """
    access: VolumeAccess = VolumeAccess.ONE


def missing_files_error(mount: VolumeMount) -> StartError:
    """Return the error for an instance whose volume does not exist on the machine."""
    return StartError(
        f"The files of the volume {mount.name} are not on this machine. Restore a snapshot, or"
        " create the volume again."
    )
