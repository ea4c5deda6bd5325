"""An adapter of your own: a queue for workers of one machine, whose hints are files."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from anyio import move_on_after, sleep, to_thread
from attrs import frozen

from pushpaka_core.domain.projects import ProjectId


@frozen
class DirectoryQueue:
    """
    Leaves each hint as a file, which the worker that is woken takes away.

    Where the disk fails, hints are lost, as they may be: the work is in storage.
    """

    _directory: Path
    _look_again: timedelta = timedelta(milliseconds=50)

    async def announce(self, project_id: ProjectId, /) -> None:
        """Leave a hint for one worker."""
        await to_thread.run_sync(self._leave, project_id)

    async def wait(self, timeout: timedelta, /) -> bool:
        """Return true once a hint was taken, or false once *timeout* is over."""
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
