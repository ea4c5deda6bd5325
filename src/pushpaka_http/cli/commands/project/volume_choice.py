"""Finds the volume that a command refers to."""

from typing import TYPE_CHECKING

from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_http.cli.commands.session import Session
from pushpaka_http.cli.ui.lookup import find_one

if TYPE_CHECKING:
    from pushpaka_http.schemas.volumes import VolumeResponse


def find_volume(
    session: Session, volume: str, *, is_detached: bool | None = None
) -> "VolumeResponse":
    """
    Return a volume by its name or id.

    A name stands for a volume of the project in production, or a detached volume of the project or
    of a deleted one.

    Args:
        session: The session of the command.
        volume: The name or the id.
        is_detached: Whether the volume must be detached. If None, it can be either, and a name
            stands for an attached volume first.

    Raises:
        NoMatchError: If there is no such volume, or several match.
    """
    candidates = [
        one
        for one in session.client.volumes.list().data
        if is_detached is None or (one.detached_at is not None) is is_detached
    ]
    if by_id := [one for one in candidates if str(one.id) == volume]:
        return by_id[0]
    project_id = session.project.id
    attached = [
        one
        for one in candidates
        if one.detached_at is None and one.project_id == project_id and one.target == PRODUCTION
    ]
    detached = [
        one
        for one in candidates
        if one.detached_at is not None and one.project_id in {project_id, None}
    ]
    if is_detached is None and any(one.name == volume for one in attached):
        detached = []
    noun = "detached volume" if is_detached else "volume"
    return find_one([*attached, *detached], volume, "name", noun=noun)
