"""
Contract tests for the `ArchiveFiles` port.

Derive a test class from `ArchiveFilesContract` in a module with the fixture `files`.
"""

from collections.abc import AsyncIterator

import pytest

from pushpaka_core.domain.projects.archives import CHUNK_SIZE
from pushpaka_core.errors import InvalidInputError, NotFoundError
from pushpaka_core.ports.workspaces import ArchiveFiles
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project, an_archive
from pushpaka_core.testing.unpacker import chunks_of


class ArchiveFilesContract:
    """Tests that every adapter of the `ArchiveFiles` port must pass."""

    async def test_a_file_is_read_as_it_was_written(self, files: ArchiveFiles) -> None:
        """Binary content that is larger than one chunk is read back unchanged."""
        archive, content = an_archive(a_project(a_user())), bytes(range(256)) * (CHUNK_SIZE // 100)

        await files.write(archive, chunks_of(content, 100_000))

        assert content == b"".join([piece async for piece in files.read(archive)])
        assert await files.exists(archive)
        assert {archive.id} == set(await files.ids())

    async def test_missing_file_is_not_found(self, files: ArchiveFiles) -> None:
        """
        A file is not found before it is written or after it is removed.

        Removing a missing file has no effect.
        """
        archive = an_archive(a_project(a_user()))
        before = await files.exists(archive), set(await files.ids())
        await files.write(archive, chunks_of(b"content"))

        for _ in range(2):
            await files.remove(archive.id)

        assert (False, set()) == before == (await files.exists(archive), set(await files.ids()))
        with pytest.raises(NotFoundError):
            [piece async for piece in files.read(archive)]

    async def test_a_failed_write_leaves_no_file(self, files: ArchiveFiles) -> None:
        """An exception from the content is raised, and no partial file is left."""
        archive = an_archive(a_project(a_user()))

        async def broken() -> AsyncIterator[bytes]:
            yield b"half"
            assert not await files.exists(archive)
            raise InvalidInputError({"sha256": "is wrong"})

        with pytest.raises(InvalidInputError):
            await files.write(archive, broken())

        assert (False, set()) == (await files.exists(archive), set(await files.ids()))
