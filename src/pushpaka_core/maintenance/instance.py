"""Operator commands for a data directory: lock, stop, migrate, export, import and remove."""

import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from anyio import to_thread

from pushpaka_core.adapters.files.instance_ids import read_instance_id, replace_instance_id
from pushpaka_core.adapters.files.lock import data_directory_lock
from pushpaka_core.adapters.host.local_host import LocalHost
from pushpaka_core.adapters.iptables.packet_filters import connection_filter, port_filter
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.sql.migration import (
    allows_online_migration,
    migrate,
    require_same_instance,
)
from pushpaka_core.bootstrap.data_directory import map_os_errors
from pushpaka_core.bootstrap.docker import CONTAINER_RUNTIMES
from pushpaka_core.bootstrap.host import PROJECT_UIDS
from pushpaka_core.bootstrap.known_keys import known_keys
from pushpaka_core.bootstrap.runtimes import known_runtime
from pushpaka_core.errors import SettingsError
from pushpaka_core.host.state_files import atomic_write
from pushpaka_core.services.concurrency import run_all
from pushpaka_core.settings.settings import Settings

if TYPE_CHECKING:
    from pushpaka_core.adapters.sql.transfer.export_files import ExportHeader


@contextmanager
def lock_data_directory(settings: Settings, *, is_shared: bool = False) -> Iterator[None]:
    """
    Create the data directory if necessary and lock it until the block ends.

    Args:
        settings: The settings of the instance.
        is_shared: Whether other processes can hold a shared lock at the same time.

    Raises:
        DataDirectoryInUseError: If another process holds a conflicting lock.
        SettingsError: If the directory is not writable, or if the lock is shared but the data is
            in the memory of one process.
    """
    if is_shared and settings.is_single_process:
        raise SettingsError(
            "In-memory data cannot be shared between processes. Set PUSHPAKA_DATABASE_URL to"
            " a database and PUSHPAKA_RUNTIME to a different runtime, or run `pushpaka serve`"
            " alone."
        )
    directory = settings.data_directory
    with ExitStack() as stack:
        with map_os_errors():
            directory.mkdir(parents=True, exist_ok=True)
            stack.enter_context(data_directory_lock(directory, is_shared=is_shared))
        yield


async def stop_everything(settings: Settings) -> int:
    """
    Stop all programs and containers of the instance and return their number.

    The database is not accessed, so the next `serve` starts everything again that should be
    running. The caller must hold the lock of the data directory.
    """
    processes = _processes(settings)
    living = [process.name for process in await processes.list_launched() if process.is_alive]
    grace = settings.timings.stop_grace
    await run_all(partial(processes.stop, name, grace_period=grace) for name in living)
    await _remove_filters(settings)
    await LocalHost(settings.data_directory).forget_boot()
    return len(living) + await _remove_containers(settings) + await processes.kill_orphans()


async def remove_data(settings: Settings) -> None:
    """Delete the data directory, including an SQLite database in it. The instance must be down."""
    from pushpaka_core.adapters.process.sandbox.removal import remove_tree

    await to_thread.run_sync(remove_tree, settings.data_directory)


async def create_repository(settings: Settings, directory: Path) -> None:
    """
    Create a Git repository from *directory*, so that its files can be deployed.

    Raises:
        SettingsError: If git is not installed.
        PlatformFaultError: If git fails.
    """
    from pushpaka_core.adapters.git.repositories import create_repository

    await create_repository(_processes(settings), directory)


async def can_migrate_online(settings: Settings) -> bool:
    """Return True if the instance can keep running while its database is migrated."""
    return settings.database == "memory" or await allows_online_migration(settings.storage_url)


async def migrate_instance(settings: Settings) -> None:
    """
    Migrate the database to the latest schema.

    The caller must hold the lock of the data directory, unless `can_migrate_online` returns True.

    Raises:
        SettingsError: If the schema is newer than this program, or if the database belongs to
            another data directory.
    """
    if settings.database == "memory":
        return
    known = await to_thread.run_sync(_known_instance_id, settings)
    await require_same_instance(settings.storage_url, known)
    await migrate(settings.storage_url)


async def export_instance(settings: Settings, file: BinaryIO) -> "ExportHeader":
    """
    Write the whole database to *file*. Secrets stay encrypted. The instance can keep running.

    Raises:
        SettingsError: If there is nothing to export, or the file cannot be written.
    """
    from pushpaka_core.adapters.sql.transfer.transfer import export_database

    _require_database(settings)
    if settings.database_url is None and not settings.data_directory.is_dir():
        raise SettingsError(
            f"There is nothing to export: the directory {settings.data_directory} does not exist. "
            "Set PUSHPAKA_DATA_DIRECTORY or PUSHPAKA_DATABASE_URL to the value that `pushpaka "
            "serve` uses."
        )
    return await export_database(settings.storage_url, file)


async def import_instance(settings: Settings, file: BinaryIO) -> "ExportHeader":
    """
    Restore a database from an export, completely or not at all.

    The caller must hold the lock of the data directory.

    Raises:
        SettingsError: If the file is invalid, its encryption keys are missing, the data directory
            belongs to another instance, or the database is not empty.
    """
    from pushpaka_core.adapters.sql.transfer.transfer import import_database

    _require_database(settings)
    contents = await import_database(
        settings.storage_url,
        file,
        available_keys=await to_thread.run_sync(_known_key_ids, settings),
        data_directory_instance=await to_thread.run_sync(read_instance_id, settings.data_directory),
    )
    await to_thread.run_sync(replace_instance_id, settings.data_directory, contents.instance_id)
    return contents


@contextmanager
def export_file(path: Path) -> Iterator[BinaryIO]:
    """
    Open a file for an export. The file, readable only by its owner, appears at *path* when
    complete.

    Raises:
        SettingsError: If the file cannot be written to this path.
    """
    try:
        with atomic_write(path) as file:
            yield file
    except OSError as error:
        raise SettingsError(
            f"The file {path} cannot be written: {error.strerror}. Choose another path."
        ) from None


def _known_instance_id(settings: Settings) -> UUID | None:
    """
    Return the id of the instance that the data directory belongs to.

    Create the directory if it does not exist yet, because an SQLite database needs it.
    """
    with map_os_errors():
        settings.data_directory.mkdir(parents=True, exist_ok=True)
    return read_instance_id(settings.data_directory)


async def _remove_filters(settings: Settings) -> None:
    """Remove the instance's iptables rules."""
    id_ = await to_thread.run_sync(read_instance_id, settings.data_directory)
    if id_ is not None and os.geteuid() == 0:
        await port_filter(id_, uids=PROJECT_UIDS, ports=()).remove()
        await connection_filter(id_, ports=(), limit=1).remove()


async def _remove_containers(settings: Settings) -> int:
    id_ = await to_thread.run_sync(read_instance_id, settings.data_directory)
    known = await to_thread.run_sync(known_runtime, settings)
    opened = None if known is None else CONTAINER_RUNTIMES.get(known.runtime)
    if id_ is None or opened is None:
        return 0
    async with opened(settings, id_, _processes(settings), salt=b"", node="") as execution:
        runtime = execution.runtime
        living = [seen.name for seen in await runtime.instances() if seen.is_alive]
        grace = settings.timings.stop_grace
        await run_all(partial(runtime.stop, name, grace_period=grace) for name in living)
    return len(living)


def _require_database(settings: Settings) -> None:
    if settings.database == "memory":
        raise SettingsError(
            "An in-memory database cannot be exported or imported. Set PUSHPAKA_DATABASE_URL to a "
            'database other than "memory:".'
        )


def _known_key_ids(settings: Settings) -> Collection[str]:
    """Return the ids of the keys that this instance would start with."""
    keys = known_keys(settings)
    return () if keys is None else keys.encryption_keys


def _processes(settings: Settings) -> HostProcesses:
    return HostProcesses(settings.data_directory / "processes")
