"""Uploaded archives, which deploy a local folder instead of a Git commit."""

from datetime import datetime

from attrs import field, frozen

from pushpaka_core.domain.ids import ArchiveId, ProjectId, UserId
from pushpaka_core.domain.validation import Matches

CHUNK_SIZE = 1 << 20
"""The size of the chunks in which an archive is stored in the database, in bytes."""
check_sha256 = Matches(
    r"[0-9a-f]{64}", "must be the SHA-256 of the archive, as 64 lowercase hex digits"
)
"""Requires a SHA-256 in lowercase hex digits."""


@frozen(kw_only=True)
class Archive:
    """A gzip-compressed tar archive that is deployed instead of a commit."""

    id: ArchiveId
    project_id: ProjectId
    user_id: UserId
    """The user who uploaded the archive."""
    sha256: str
    """The SHA-256 of the content, which identifies the archive within the project."""
    size: int = 0
    """The size of the archive in bytes. While the upload is in progress, the maximum size."""
    created_at: datetime
    completed_at: datetime | None = None
    """When the upload was completed, or None while it is in progress."""
    data_directory_id: str | None = None
    """
    The id of the data directory that contains the file of the archive, see
    `Node.data_directory_id`.

    None if the content is in the database.
    """


@frozen(kw_only=True)
class ArchiveChunk:
    """A chunk of an archive's content."""

    archive_id: ArchiveId
    number: int
    """The position of the chunk, counted from 0."""
    content: bytes = field(repr=False)
