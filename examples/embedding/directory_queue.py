"""A custom adapter: a queue that stores hints as files, for workers on one machine."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from anyio import move_on_after, sleep, to_thread
from attrs import frozen

from pushpaka_core.domain.ids import ProjectId


@frozen
class DirectoryQueue:
    """
    Stores each hint as a file. The worker that wakes up removes it.

    Hints are lost if the disk fails. The port allows that, because the work is in storage.
    """

    _directory: Path
    _look_again: timedelta = timedelta(milliseconds=50)

    async def notify(self, project_id: ProjectId, /) -> None:
        """Write a hint for one worker."""
        await to_thread.run_sync(self._leave, project_id)

    async def wait(self, timeout: timedelta, /) -> bool:
        """Return True if a hint was found, or False after *timeout*."""
        with move_on_after(timeout.total_seconds()):
            while not await to_thread.run_sync(self._take):
                await sleep(self._look_again.total_seconds())
            return True
        return False

    def _leave(self, project_id: ProjectId) -> None:
        with suppress(OSError):
            (self._directory / f"{project_id}.{uuid4()}").touch()

    def _take(self) -> bool:
        with suppress(OSError):
            for hint in self._directory.iterdir():
                with suppress(FileNotFoundError):  # another worker was faster
                    hint.unlink()
                    return True
        return False
