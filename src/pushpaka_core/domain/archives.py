"""Archives: the files of a folder, sent by somebody where no Git server has them."""

import re
from datetime import datetime
from typing import NewType
from uuid import UUID

from attrs import field, frozen

from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.users import UserId

ArchiveId = NewType("ArchiveId", UUID)

CHUNK_BYTES = 1 << 20
"""How much of an archive is kept in one piece."""


def check_sha256(value: str) -> None:
    """Accept the hash that an archive is known by."""
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("must be the SHA-256 of the archive, as 64 lower-case hex digits")


@frozen(kw_only=True)
class Archive:
    """A tar archive, packed by gzip, of what is to be deployed instead of a commit."""

    id: ArchiveId
    project_id: ProjectId
    user_id: UserId
    """Who sent it."""
    sha256: str
    """Of all its bytes: the same folder packed in the same way is known by it."""
    size: int = 0
    """Known once it is complete."""
    created_at: datetime
    completed_at: datetime | None = None
    """None while it still arrives."""


@frozen(kw_only=True)
class ArchiveChunk:
    """A piece of an archive."""

    archive_id: ArchiveId
    number: int
    """Counts from 0."""
    content: bytes = field(repr=False)
