"""How archives look."""

from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.archives import Archive
from pushpaka_core.domain.projects import ProjectId


@frozen(kw_only=True, slots=False)
class ArchiveResponse:
    """The files of a folder, ready to be deployed."""

    project_id: ProjectId
    sha256: str
    size: int
    created_at: datetime

    @classmethod
    def of(cls, archive: Archive) -> Self:
        """Show *archive*."""
        return cls(
            project_id=archive.project_id,
            sha256=archive.sha256,
            size=archive.size,
            created_at=archive.created_at,
        )
