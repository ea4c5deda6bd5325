"""Stores, unpacks and removes the content of archives."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import QUEUED_OR_IN_PROGRESS
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.domain.projects.archives import Archive, ArchiveChunk
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import NotFoundError, SourceError
from pushpaka_core.ports.source import Checkout
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.workspaces import ArchiveExtractor, ArchiveFiles, ExtractionResult

MAX_UPLOAD_TIME = timedelta(hours=1)
"""The maximum duration of an upload. An older incomplete archive is left from a failed upload."""

_ARCHIVE_GONE = "The archive is no longer available. Deploy the folder again."
_KILO, _MEGA = 1000, 1_000_000


@frozen
class ArchiveStore:
    """
    Stores archives as files if the API and the workers share a data directory, else in the
    database.

    They share the directory if this process runs on the node of its runtime. A worker cannot see
    the data directory of an API on another machine, and each node of a Swarm has its own directory.
    """

    _storage: Storage
    _files: ArchiveFiles
    _node: Node

    async def file_storage_id(self, uow: UnitOfWork) -> str | None:
        """Return the data directory id for new archives, or None to store them in the database."""
        is_shared = self._node == await uow.nodes.find(self._node.runtime)
        return (is_shared and self._node.data_directory_id) or None

    async def has_content(self, uow: UnitOfWork, archive: Archive) -> bool:
        """
        Return True unless the file of a complete archive is missing, for example after a
        takeover.
        """
        if archive.data_directory_id is None:
            return True
        if archive.data_directory_id == self._node.data_directory_id:
            return await self._files.exists(archive)
        node = await uow.nodes.find(self._node.runtime)
        return node is not None and node.data_directory_id == archive.data_directory_id

    async def write(self, archive: Archive, content: AsyncIterable[bytes]) -> None:
        """
        Store the content of a new archive.

        Args:
            archive: The archive, whose row must have been added.
            content: The bytes, in chunks of at most CHUNK_SIZE. Exceptions that it raises are
                propagated.

        Raises:
            UnavailableError: If the disk is full or cannot be written to.
            NotFoundError: If the archive was removed in the meantime.
        """
        if archive.data_directory_id is not None:
            await self._files.write(archive, content)
            return
        number = 0
        async for piece in content:
            chunk = ArchiveChunk(archive_id=archive.id, number=number, content=piece)
            async with self._storage.transaction() as uow:
                await uow.archives.append(chunk)
            number += 1

    async def read(self, archive: Archive) -> AsyncIterator[bytes]:
        """
        Yield the content of an archive in chunks.

        Raises:
            NotFoundError: If the archive is stored as a file and this node does not have it.
        """
        if archive.data_directory_id is not None:
            async for piece in self._files.read(archive):
                yield piece
            return
        for number in count():
            async with self._storage.snapshot() as uow:
                content = await uow.archives.chunk(archive, number)
            if content is None:
                return
            yield content

    async def remove(self, archive: Archive) -> None:
        """Remove an archive and its content. Safe to repeat."""
        async with self._storage.transaction() as uow:
            await uow.archives.remove(archive)
        await self._files.remove(archive.id)

    async def remove_unless_needed(self, archive: Archive) -> None:
        """Remove an archive unless a deployment of it was requested in the meantime."""
        with suppress(NotFoundError):  # The project, and the archive with it, was deleted.
            async with self._storage.transaction() as uow:
                project = await uow.projects.visible_to(PLATFORM).get(archive.project_id)
                needed = await needed_archives(uow, project)
                if archive.completed_at is not None and archive.sha256 in needed:
                    return
                await uow.archives.remove(archive)
            await self._files.remove(archive.id)

    async def remove_orphaned_files(self) -> None:
        """Remove files that have no row, for example those of deleted projects."""
        # List the files first: a row is added before its file, so every file found has its row.
        found = await self._files.ids()
        async with self._storage.snapshot() as uow:
            known = await uow.archives.ids()
        for archive_id in set(found).difference(known):
            await self._files.remove(archive_id)


async def needed_archives(uow: UnitOfWork, project: Project) -> Collection[str | None]:
    """Return the SHA-256 hashes of the archives that unfinished deployments of *project* need."""
    coming = await uow.deployments.of_projects([project], QUEUED_OR_IN_PROGRESS)
    return {deployment.archive for deployment in coming}


@frozen
class ArchiveUnpacker:
    """Provides the files of an uploaded archive as a checkout."""

    _storage: Storage
    _store: ArchiveStore
    _archive_extractor: ArchiveExtractor

    async def fetch(
        self,
        project: Project,
        deployment: Deployment,
        directory: Path,
        *,
        timeout: timedelta,
        report: Callable[[str], Awaitable[None]],
    ) -> Checkout:
        """
        Unpack the archive of *deployment* into *directory*, which must not exist.

        Args:
            project: The project of the deployment.
            deployment: The deployment, which names the archive by its hash.
            directory: Where to unpack.
            timeout: The maximum time for unpacking.
            report: Called with a line for the log.

        Raises:
            SourceError: If the archive is missing, damaged or too large.
            PlatformFaultError: If the host caused the failure, for example with a full disk.
        """
        sha256 = deployment.archive or ""
        async with self._storage.snapshot() as uow:
            archive = await uow.archives.find(project, sha256)
            sender = await uow.users.get(deployment.user_id)
        if archive is None:
            raise SourceError(_ARCHIVE_GONE)
        try:
            content = self._store.read(archive)
            unpacked = await self._archive_extractor.extract(content, directory, timeout=timeout)
        except NotFoundError:
            raise SourceError(_ARCHIVE_GONE) from None
        await report(f"Unpacked {_summary(unpacked)}")
        return Checkout(
            commit_sha=sha256,
            commit_message=f"Local folder, {_summary(unpacked)}",
            commit_author=sender.name,
            directory=directory,
        )


def _summary(extraction_result: ExtractionResult) -> str:
    files = "1 file" if extraction_result.files == 1 else f"{extraction_result.files:,} files"
    return f"{files} ({_format_size(extraction_result.total_bytes)})"


def _format_size(size: int) -> str:
    """Return a *size* in bytes as readable text, such as "1.5 MB"."""
    if size < _KILO:
        return f"{size} B"
    return f"{size / _KILO:.1f} kB" if size < _MEGA else f"{size / _MEGA:.1f} MB"
