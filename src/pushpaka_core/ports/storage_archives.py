"""The part of the storage that keeps what people send instead of a commit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.archives import Archive, ArchiveChunk
from pushpaka_core.domain.projects import Project


class Archives(Protocol):
    """
    Archives in pieces, so that none is ever in memory as a whole.

    They are where the deployments are: whoever may claim one finds its archive, on any machine.
    """

    async def find(self, project: Project, sha256: str, /) -> Archive | None:
        """Return the project's complete archive of that hash, or None."""
        ...

    async def of_project(self, project: Project, /) -> Sequence[Archive]:
        """Return all of a project's archives, also those that still arrive, the oldest first."""
        ...

    async def add(self, archive: Archive, /) -> None:
        """Keep a new archive, of which nothing is there yet."""

    async def append(self, chunk: ArchiveChunk, /) -> None:
        """Keep a piece; NotFoundError where its archive was removed meanwhile."""

    async def complete(self, archive: Archive, /) -> None:
        """Keep that all of an archive is there; DuplicateError where it was there before."""

    async def chunk(self, archive: Archive, number: int, /) -> bytes | None:
        """Return a piece of an archive, or None after the last one."""
        ...

    async def unneeded(self, before: datetime, /) -> Sequence[Archive]:
        """
        Return everybody's archives that were begun before a moment and that nothing needs.

        Needed is a complete one of a deployment that waits or is in work, or of one whose
        release is kept.
        """
        ...

    async def remove(self, archive: Archive, /) -> None:
        """Take an archive away, with all of its pieces. Harmless to repeat."""
