"""What an operator does to a data directory; beside bootstrap the one module to name adapters."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from anyio import to_thread

from pushpaka_core.adapters.files.lock import locked
from pushpaka_core.adapters.git.repositories import make_repository
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.adapters.process.removal import remove_tree
from pushpaka_core.errors import SettingsError
from pushpaka_core.services.background import together
from pushpaka_core.settings import Settings


@contextmanager
def lock_data_directory(settings: Settings, *, shared: bool = False) -> Iterator[None]:
    """
    Make the data directory where there is none, and be the one who uses it, or one of several.

    Raises:
        SettingsError: If another process is the one, the directory cannot be written to, or
            what is to be shared is kept in the memory of one process.
    """
    if shared and settings.is_of_one_process:
        raise SettingsError(
            "What is kept in memory is known to one process only. Set PUSHPAKA_DATABASE_URL and "
            "PUSHPAKA_RUNTIME to others than memory, or let `pushpaka serve` deploy by itself."
        )
    directory = settings.data_directory
    with ExitStack() as stack:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(directory, shared=shared))
        except OSError as error:
            raise SettingsError(
                f"The data directory cannot be used ({error}). "
                "Set PUSHPAKA_DATA_DIRECTORY to one that can be written to."
            ) from None
        yield


async def take_down(settings: Settings) -> int:
    """
    End all that was launched from the data directory; return how many programs that were.

    The database is neither needed nor changed, so that what should run is started
    again by whoever serves from the directory next. Only for who holds its lock.
    """
    processes = _processes(settings)
    living = [process.name for process in await processes.launched() if process.is_alive]
    grace = settings.timings.stop_grace
    await together(partial(processes.stop, name, grace=grace) for name in living)
    return len(living) + await processes.sweep()


async def remove_data(settings: Settings) -> None:
    """Remove the data directory of an instance that is down, the database included."""
    await to_thread.run_sync(remove_tree, settings.data_directory)


async def publish(settings: Settings, directory: Path) -> None:
    """
    Make a repository of *directory*, so that its files can be deployed.

    Raises:
        SettingsError: If git is not installed.
        PlatformFaultError: If git fails.
    """
    await make_repository(_processes(settings), directory)


def _processes(settings: Settings) -> HostProcesses:
    return HostProcesses(settings.data_directory / "processes")
