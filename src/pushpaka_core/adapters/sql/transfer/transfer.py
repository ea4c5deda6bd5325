"""Exports the whole database to a file, and imports it into an empty database of either kind."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, BinaryIO
from uuid import UUID

import sqlalchemy as sa
from anyio import to_thread
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from pushpaka_core.adapters.sql.connections.connection_pool import ConnectionPool
from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, open_connection_pools
from pushpaka_core.adapters.sql.connections.errors import translated_errors
from pushpaka_core.adapters.sql.migration import (
    instance_id_at,
    migrate,
    read_schema_versions,
    require_current,
    schema_state,
)
from pushpaka_core.adapters.sql.repositories.secrets import key_id_columns
from pushpaka_core.adapters.sql.schema import counters, identity
from pushpaka_core.adapters.sql.schema_versions import SchemaState
from pushpaka_core.adapters.sql.transactions import open_transaction
from pushpaka_core.adapters.sql.transfer.export_files import (
    DAMAGED,
    ExportHeader,
    ExportReader,
    ExportWriter,
)
from pushpaka_core.adapters.sql.transfer.export_rows import (
    TABLES,
    export_query,
    from_document,
    to_document,
)
from pushpaka_core.errors import DuplicateError, NotFoundError, SettingsError

_ROWS_AT_ONCE = 200


async def export_database(url: str, file: BinaryIO) -> ExportHeader:
    """
    Write a consistent snapshot of the database at *url* to *file*, even while others use it.

    Raises:
        SettingsError: If the schema is not the current one, or the file cannot be written.
        StorageUnavailableError: If the database does not respond.
    """
    await require_current(url)
    async with (
        open_connection_pools(url, wait_timeout=WAIT_TIMEOUT) as (_, reading),
        _open_unlimited_transaction(reading) as connection,
    ):
        export_header = ExportHeader(
            instance_id=(await connection.scalars(sa.select(identity.c.instance_id))).one(),
            revision=(await read_schema_versions()).newest,
            key_ids=await _key_ids(connection),
            rows={table.name: await _count(connection, table) for table in TABLES},
        )
        await _write(connection, ExportWriter(file), export_header)
    return export_header


async def import_database(
    url: str,
    file: BinaryIO,
    *,
    available_keys: Collection[str],
    data_directory_instance: UUID | None = None,
) -> ExportHeader:
    """
    Import *file* into the empty database at *url*, in one transaction.

    The database becomes that of the exported instance. Missing tables are created.

    Args:
        url: URL of the database.
        file: The export.
        available_keys: Ids of the available encryption keys.
        data_directory_instance: The instance that the data directory belongs to, or None if it is
            new. It must be the exported instance, or the one that the empty database belongs to.

    Raises:
        SettingsError: If the file is damaged or of another schema, a key is missing, the data
            directory belongs to another instance, or the database is not empty.
        StorageUnavailableError: If the database does not respond.
    """
    reader = ExportReader(file)
    contents = await to_thread.run_sync(reader.read_header)
    await _require_importable(contents, available_keys)
    if data_directory_instance not in (None, contents.instance_id, await instance_id_at(url)):
        raise SettingsError(
            "The data directory belongs to a different instance than the export, and contains the"
            " applications of that instance. Set PUSHPAKA_DATA_DIRECTORY to a new directory, or to"
            " the data directory of the exported instance."
        )
    if await schema_state(url) is SchemaState.EMPTY:
        await migrate(url)
    await require_current(url)
    async with (
        open_connection_pools(url, wait_timeout=WAIT_TIMEOUT) as (writing, _),
        _open_unlimited_transaction(writing) as connection,
    ):
        await _require_empty(connection)
        await _read(connection, reader, contents)
        await connection.execute(sa.update(identity).values(instance_id=contents.instance_id))
        await connection.commit()
    return contents


async def _write(
    connection: AsyncConnection, writer: ExportWriter, export_header: ExportHeader
) -> None:
    await to_thread.run_sync(writer.write_header, export_header)
    for table in TABLES:
        result = await connection.stream(export_query(table))
        async for rows in result.mappings().partitions(_ROWS_AT_ONCE):
            await to_thread.run_sync(
                writer.write_rows, table.name, [to_document(row) for row in rows]
            )
    await to_thread.run_sync(writer.write_digest)


async def _read(
    connection: AsyncConnection, reader: ExportReader, export_header: ExportHeader
) -> None:
    await connection.execute(sa.delete(counters))
    batches = reader.batches(export_header)
    while batch := await to_thread.run_sync(_next_batch, batches):
        table, rows = batch
        with _translated_import_errors():
            await connection.execute(sa.insert(table), rows)


def _next_batch(
    batches: Iterator[tuple[str, Sequence[Mapping[str, Any]]]],
) -> tuple[sa.Table, Sequence[Mapping[str, Any]]] | None:
    batch = next(batches, None)
    if batch is None:
        return None
    name, documents = batch
    table = next(table for table in TABLES if table.name == name)
    try:
        return table, [from_document(table, document) for document in documents]
    except (ValueError, TypeError, AttributeError):
        raise SettingsError(DAMAGED) from None


async def _require_importable(export_header: ExportHeader, known_keys: Collection[str]) -> None:
    if export_header.rows.keys() != {table.name for table in TABLES}:
        raise SettingsError(DAMAGED)
    match (await read_schema_versions()).state(export_header.revision, None):
        case SchemaState.NEWER:
            raise SettingsError(
                "The export was made by a newer version of Pushpaka. Install that version."
            )
        case SchemaState.OLDER:
            raise SettingsError(
                "The export was made by an older version of Pushpaka. Update that instance, and"
                " export it again."
            )
    if missing := sorted(set(export_header.key_ids) - set(known_keys)):
        raise SettingsError(
            "The secrets in the export are encrypted with keys that are not available: "
            f"{', '.join(missing)}. Set PUSHPAKA_SECRET_KEY and PUSHPAKA_ENCRYPTION_KEYS to the"
            " values of the exported instance, or copy its keys.json to the data directory first."
        )


async def _require_empty(connection: AsyncConnection) -> None:
    """Raise SettingsError unless all tables are empty. Keep them empty until the import is done."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in TABLES)
        await connection.execute(sa.text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
    for table in TABLES:
        if table is not counters and await _count(connection, table):
            raise SettingsError(
                f"The database is not empty: the table {table.name} has rows. Set"
                " PUSHPAKA_DATABASE_URL or PUSHPAKA_DATA_DIRECTORY to a new location."
            )


async def _key_ids(connection: AsyncConnection) -> Sequence[str]:
    queries = [sa.select(column).where(column.is_not(None)) for column in key_id_columns()]
    return sorted(await connection.scalars(sa.union(*queries)))


async def _count(connection: AsyncConnection, table: sa.Table) -> int:
    return await connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@asynccontextmanager
async def _open_unlimited_transaction(
    connection_pool: ConnectionPool,
) -> AsyncIterator[AsyncConnection]:
    """Open a transaction without time limits: the file or its sender may be slow."""
    with translated_errors():
        async with open_transaction(connection_pool, limits_time=False) as connection:
            yield connection


@contextmanager
def _translated_import_errors() -> Iterator[None]:
    try:
        with translated_errors():
            yield
    except (DuplicateError, NotFoundError, StatementError, ValueError):
        raise SettingsError(DAMAGED) from None
