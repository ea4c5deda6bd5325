"""Finds the volume that a command refers to."""

from typing import TYPE_CHECKING

from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_http.cli.commands.session import Session
from pushpaka_http.cli.ui.lookup import find_one

if TYPE_CHECKING:
    from pushpaka_http.schemas.volumes import VolumeResponse


def find_volume(session: Session, volume: str, *, is_detached: bool) -> "VolumeResponse":
    """
    Return a volume by its name or id.

    A name stands for a volume of the project in production, or a detached volume of the project or
    of a deleted one.

    Raises:
        NoMatchError: If there is no such volume, or several match.
    """
    candidates = [
        one
        for one in session.client.volumes.list().data
        if (one.detached_at is not None) is is_detached
    ]
    if by_id := [one for one in candidates if str(one.id) == volume]:
        return by_id[0]
    project_id = session.project.id
    named = [
        one
        for one in candidates
        if (is_detached and one.project_id in {project_id, None})
        or (one.project_id == project_id and one.target == PRODUCTION)
    ]
    noun = "detached volume" if is_detached else "volume"
    return find_one(named, volume, "name", noun=noun)
