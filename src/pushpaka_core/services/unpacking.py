"""From an archive that was sent to the files of a deployment."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

from attrs import frozen

from pushpaka_core.domain.archives import Archive
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.source import Checkout
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.unpacker import Unpacked, Unpacker

_KILO, _MEGA = 1000, 1_000_000


@frozen
class Unpacking:
    """Brings the archive of a deployment to the machine on which it is built."""

    _storage: Storage
    _unpacker: Unpacker

    async def fetch(
        self,
        project: Project,
        deployment: Deployment,
        directory: Path,
        *,
        timeout: timedelta,
        report: Callable[[str], Awaitable[None]],
    ) -> Checkout:
        """Put the files into *directory*, which must not exist; SourceError."""
        sha256 = deployment.archive or ""
        async with self._storage.snapshot() as uow:
            archive = await uow.archives.find(project, sha256)
            sender = await uow.users.get(deployment.user_id)
        if archive is None:
            raise SourceError("The archive is not kept any more. Deploy the folder again.")
        unpacked = await self._unpacker.unpack(self._chunks(archive), directory, timeout=timeout)
        await report(f"Unpacked {_summary(unpacked)}")
        return Checkout(
            commit_sha=sha256,
            commit_message=f"Local folder, {_summary(unpacked)}",
            commit_author=sender.name,
            directory=directory,
        )

    async def _chunks(self, archive: Archive) -> AsyncIterator[bytes]:
        for number in count():
            async with self._storage.snapshot() as uow:
                content = await uow.archives.chunk(archive, number)
            if content is None:
                return
            yield content


def _summary(unpacked: Unpacked) -> str:
    files = "1 file" if unpacked.files == 1 else f"{unpacked.files:,} files"
    return f"{files} ({_size(unpacked.total_bytes)})"


def _size(number: int) -> str:
    """Return a number of bytes as people say it."""
    if number < _KILO:
        return f"{number} B"
    return f"{number / _KILO:.1f} kB" if number < _MEGA else f"{number / _MEGA:.1f} MB"
