"""Unpacks what tests send, without the care that strangers need."""

import shutil
import tarfile
from collections.abc import AsyncIterable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from anyio import to_thread
from attrs import frozen

from pushpaka_core.errors import SourceError
from pushpaka_core.ports.unpacker import Unpacked


@frozen
class MemoryUnpacker:
    """Takes an archive into memory as a whole, and writes its plain files."""

    async def unpack(
        self, archive: AsyncIterable[bytes], directory: Path, /, *, timeout: timedelta
    ) -> Unpacked:
        """Write the files; it is done at once, however long it may take."""
        del timeout
        content = b"".join([chunk async for chunk in archive])
        return await to_thread.run_sync(_unpack, content, directory)


def _unpack(content: bytes, directory: Path) -> Unpacked:
    directory.mkdir()
    try:
        return _written(content, directory)
    except (tarfile.TarError, EOFError, OSError, ValueError):
        shutil.rmtree(directory)
        raise SourceError("The archive cannot be unpacked.") from None


def _written(content: bytes, directory: Path) -> Unpacked:
    sizes = []
    with tarfile.open(fileobj=BytesIO(content), mode="r:gz") as tar:
        for member in tar:
            path = directory / member.name
            file = tar.extractfile(member) if member.isreg() else None
            if file is None or not path.resolve().is_relative_to(directory.resolve()):
                raise ValueError("memory has only plain files")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.read())
            path.chmod(0o755 if member.mode & 0o100 else 0o644)
            sizes.append(member.size)
    return Unpacked(files=len(sizes), total_bytes=sum(sizes))
