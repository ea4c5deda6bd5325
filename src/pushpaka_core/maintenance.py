"""What an operator does to a data directory; as bootstrap it names adapters."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from anyio import to_thread

from pushpaka_core.adapters.files.drafts import written_whole
from pushpaka_core.adapters.files.instance_ids import change_instance_id, known_instance_id
from pushpaka_core.adapters.files.lock import locked
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.adapters.security.keys import KEY_FILE, load_or_create_keys
from pushpaka_core.adapters.sql.migration import (
    migrate,
    require_same_instance,
    spares_others,
)
from pushpaka_core.bootstrap.docker import EXECUTIONS
from pushpaka_core.bootstrap.ground import unusable_told
from pushpaka_core.bootstrap.runtimes import known_runtime
from pushpaka_core.errors import SettingsError
from pushpaka_core.services.background import together
from pushpaka_core.settings import Settings

if TYPE_CHECKING:
    from pushpaka_core.adapters.sql.export_files import Contents


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
        with unusable_told():
            directory.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(directory, shared=shared))
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
    return len(living) + await _take_containers_down(settings) + await processes.sweep()


async def remove_data(settings: Settings) -> None:
    """Remove the data directory of an instance that is down, the database included."""
    from pushpaka_core.adapters.process.removal import remove_tree

    await to_thread.run_sync(remove_tree, settings.data_directory)


async def publish(settings: Settings, directory: Path) -> None:
    """
    Make a repository of *directory*, so that its files can be deployed.

    Raises:
        SettingsError: If git is not installed.
        PlatformFaultError: If git fails.
    """
    from pushpaka_core.adapters.git.repositories import make_repository

    await make_repository(_processes(settings), directory)


async def spares_what_runs(settings: Settings) -> bool:
    """Tell whether the processes of the instance can go on while its database is migrated."""
    return settings.database == "memory" or await spares_others(settings.storage_url)


async def migrate_instance(settings: Settings) -> None:
    """
    Bring the database up to date. Only for who holds the lock, unless that spares what runs.

    Raises:
        SettingsError: If it is newer than this program, or not that of the data directory.
    """
    if settings.database == "memory":
        return
    known = await to_thread.run_sync(_known_instance_id, settings)
    await require_same_instance(settings.storage_url, known)
    await migrate(settings.storage_url)


async def export_instance(settings: Settings, file: BinaryIO) -> "Contents":
    """
    Write all that the instance knows into *file*, secrets as they are encrypted, while it goes on.

    Raises:
        SettingsError: If there is nothing to export, or the file refuses.
    """
    from pushpaka_core.adapters.sql.transfer import export_database

    _require_database(settings)
    if settings.database_url is None and not settings.data_directory.is_dir():
        raise SettingsError(
            f"There is nothing to export: there is no directory {settings.data_directory}. "
            "Set PUSHPAKA_DATA_DIRECTORY or PUSHPAKA_DATABASE_URL as serve has them."
        )
    return await export_database(settings.storage_url, file)


async def import_instance(settings: Settings, file: BinaryIO) -> "Contents":
    """
    Make the instance what *file* tells, wholly or not at all. Only for who holds the lock.

    Raises:
        SettingsError: If the file cannot be used, its keys are not here, the data directory
            is another instance's, or the database is not empty.
    """
    from pushpaka_core.adapters.sql.transfer import import_database

    _require_database(settings)
    contents = await import_database(
        settings.storage_url,
        file,
        known_keys=await to_thread.run_sync(_known_keys, settings),
        known_as=await to_thread.run_sync(_known_instance_id, settings),
    )
    await to_thread.run_sync(change_instance_id, settings.data_directory, contents.instance_id)
    return contents


@contextmanager
def export_file(path: Path) -> Iterator[BinaryIO]:
    """
    Open a file for an export, which is at *path* once it is whole, and readable to its owner.

    Raises:
        SettingsError: If it cannot be written there.
    """
    try:
        with written_whole(path) as file:
            yield file
    except OSError as error:
        raise SettingsError(f"The file {path} cannot be written: {error.strerror}.") from None


def _known_instance_id(settings: Settings) -> UUID | None:
    """Return of which instance the data directory is, which is made where there is none."""
    with unusable_told():
        settings.data_directory.mkdir(parents=True, exist_ok=True)
    return known_instance_id(settings.data_directory)


async def _take_containers_down(settings: Settings) -> int:
    id_ = await to_thread.run_sync(known_instance_id, settings.data_directory)
    known = await to_thread.run_sync(known_runtime, settings)
    opened = None if known is None else EXECUTIONS.get(known.runtime)
    if id_ is None or opened is None:
        return 0
    async with opened(settings, id_, _processes(settings), salt=b"") as execution:
        runtime = execution.runtime
        living = [seen.name for seen in await runtime.instances() if seen.is_alive]
        grace = settings.timings.stop_grace
        await together(partial(runtime.stop, name, grace=grace) for name in living)
    return len(living)


def _require_database(settings: Settings) -> None:
    if settings.database == "memory":
        raise SettingsError(
            "What is kept in memory can be neither exported nor imported. Set "
            "PUSHPAKA_DATABASE_URL to another database than memory:."
        )


def _known_keys(settings: Settings) -> Collection[str]:
    """Return the ids of the keys that this instance would begin with."""
    if settings.encryption_keys is not None:
        return settings.encryption_keys
    path = settings.data_directory / KEY_FILE
    return load_or_create_keys(path).encryption_keys if path.exists() else ()


def _processes(settings: Settings) -> HostProcesses:
    return HostProcesses(settings.data_directory / "processes")
