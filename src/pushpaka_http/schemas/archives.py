"""Response bodies for archives."""

from datetime import datetime
from typing import Self

from attrs import frozen

from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.archives import Archive
from pushpaka_http.schemas.conversions import from_attributes


@frozen(kw_only=True, slots=False)
class ArchiveResponse:
    """An uploaded archive that can be deployed."""

    project_id: ProjectId
    """Id of the project."""
    sha256: str
    """SHA-256 of the archive's bytes, as 64 lowercase hex digits."""
    size: int
    """Size in bytes."""
    created_at: datetime
    """When the upload began."""

    @classmethod
    def of(cls, archive: Archive) -> Self:
        """Return the response for *archive*."""
        return from_attributes(cls, archive)
