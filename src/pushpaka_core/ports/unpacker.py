"""From an archive to files in a directory."""

from collections.abc import AsyncIterable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class Unpacked:
    """How much has come out of an archive."""

    files: int
    total_bytes: int


class Unpacker(Protocol):
    """Unpacks what somebody sent, whom nobody has reason to trust."""

    async def unpack(
        self, archive: AsyncIterable[bytes], directory: Path, /, *, timeout: timedelta
    ) -> Unpacked:
        """
        Put the files of a tar archive, packed by gzip, into *directory*, which must not exist.

        They are as a checkout would have them: ours, with the modes 644 and 755. Nothing is
        written outside of the directory, and no link leads out of it. Where it fails or is
        cancelled, no directory is left.

        Raises:
            SourceError: With a sentence for the project's owner: if it is damaged, too large,
                or has something in it that no checkout would.
            PlatformFaultError: If the host is at fault, as with a full disk.
        """
        ...
