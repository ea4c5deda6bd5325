"""Builds that wait until a test lets them go on, wherever they run."""

from contextlib import suppress
from pathlib import Path

from anyio import fail_after, sleep, to_thread
from attrs import frozen
from tests.acceptance.people import PATIENCE
from tests.acceptance.traces import processes_with


@frozen
class Gate:
    """A file for which commands wait, in the file system that they see."""

    path: Path

    @property
    def command(self) -> str:
        """Return what says that it waits, and does."""
        return waiting_for(self.path)

    async def open(self) -> None:
        """Let go on what waits, as soon as something does."""
        with fail_after(PATIENCE):
            while not await to_thread.run_sync(self._open):
                await sleep(0.05)

    def _open(self) -> bool:
        waiting = processes_with(str(self.path))
        for process in waiting:
            with suppress(FileNotFoundError):
                seen = Path(f"/proc/{process.pid}/root", *self.path.parts[1:])
                seen.parent.mkdir(parents=True, exist_ok=True)
                seen.touch()
        return bool(waiting)


def waiting_for(path: object) -> str:
    """Return a command that says that it waits, and does until there is a file at *path*."""
    return f"echo waiting; while [ ! -e {path} ]; do sleep 0.05; done"
