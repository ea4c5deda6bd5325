"""Gates at which builds wait, on the host or in a container, until the test opens them."""

from contextlib import suppress
from pathlib import Path

from anyio import fail_after, sleep, to_thread
from attrs import frozen
from tests.acceptance.tools.people import PATIENCE
from tests.acceptance.tools.traces import processes_with


@frozen
class Gate:
    """A file that commands wait for, on the host or in the file system of a container."""

    path: Path

    @property
    def command(self) -> str:
        """Return a command that prints `waiting` and waits for the file."""
        return wait_command(self.path)

    async def open(self) -> None:
        """Wait until a command waits, then let all waiting commands continue."""
        with fail_after(PATIENCE):
            while not await to_thread.run_sync(self._create_files):
                await sleep(0.05)

    def _create_files(self) -> bool:
        waiting = processes_with(str(self.path))
        for process in waiting:
            with suppress(FileNotFoundError):
                seen = Path(f"/proc/{process.pid}/root", *self.path.parts[1:])
                seen.parent.mkdir(parents=True, exist_ok=True)
                seen.touch()
        return bool(waiting)


def wait_command(path: object) -> str:
    """Return a command that prints `waiting` and waits until *path* exists."""
    return f"echo waiting; while [ ! -e {path} ]; do sleep 0.05; done"
