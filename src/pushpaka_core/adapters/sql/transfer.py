"""Takes all that an instance knows out of a database, and into another one of either kind."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, BinaryIO
from uuid import UUID

import sqlalchemy as sa
from anyio import to_thread
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from pushpaka_core.adapters.sql.engine import PATIENCE, open_lanes
from pushpaka_core.adapters.sql.errors import translated_errors
from pushpaka_core.adapters.sql.export_files import DAMAGED, Contents, ExportReader, ExportWriter
from pushpaka_core.adapters.sql.export_rows import (
    TABLES,
    as_document,
    exported,
    from_document,
)
from pushpaka_core.adapters.sql.lanes import Lane
from pushpaka_core.adapters.sql.lineage import SchemaState
from pushpaka_core.adapters.sql.migration import (
    instance_id_at,
    known_schemas,
    migrate,
    require_current,
    schema_state,
)
from pushpaka_core.adapters.sql.schema import counters, identity
from pushpaka_core.adapters.sql.secrets import key_id_columns
from pushpaka_core.errors import DuplicateError, NotFoundError, SettingsError

_ROWS_AT_ONCE = 200


async def export_database(url: str, file: BinaryIO) -> Contents:
    """
    Write one moment's state of the database at *url* into *file*; others go on meanwhile.

    Raises:
        SettingsError: If the schema is not the present one, or the file refuses.
        StorageUnavailableError: If the database does not answer.
    """
    await require_current(url)
    async with open_lanes(url, patience=PATIENCE) as (_, reading), _begun(reading) as connection:
        contents = Contents(
            instance_id=(await connection.scalars(sa.select(identity.c.instance_id))).one(),
            revision=(await known_schemas()).newest,
            key_ids=await _key_ids(connection),
            rows={table.name: await _count(connection, table) for table in TABLES},
        )
        await _write(connection, ExportWriter(file), contents)
    return contents


async def import_database(
    url: str, file: BinaryIO, *, known_keys: Collection[str], known_as: UUID | None = None
) -> Contents:
    """
    Fill the database at *url* from *file*, wholly or not at all; a new one gets its tables first.

    It is of the exported instance then. The data directory may be *known_as* of that one, or
    of the one that the database was of while it was empty.

    Raises:
        SettingsError: If the file is no whole export of the present schema, its secrets
            need others than the *known_keys*, the data directory is of another instance, or
            the database is not empty.
        StorageUnavailableError: If the database does not answer.
    """
    reader = ExportReader(file)
    contents = await to_thread.run_sync(reader.begin)
    await _require_fitting(contents, known_keys)
    if known_as not in (None, contents.instance_id, await instance_id_at(url)):
        raise SettingsError(
            "The data directory is of another instance than the export, and has what that one "
            "runs. Set PUSHPAKA_DATA_DIRECTORY to a new one, or to that of the exported instance."
        )
    if await schema_state(url) is SchemaState.EMPTY:
        await migrate(url)
    await require_current(url)
    async with open_lanes(url, patience=PATIENCE) as (writing, _), _begun(writing) as connection:
        await _require_empty(connection)
        await _read(connection, reader, contents)
        await connection.execute(sa.update(identity).values(instance_id=contents.instance_id))
        await connection.commit()
    return contents


async def _write(connection: AsyncConnection, writer: ExportWriter, contents: Contents) -> None:
    await to_thread.run_sync(writer.begin, contents)
    for table in TABLES:
        result = await connection.stream(exported(table))
        async for rows in result.mappings().partitions(_ROWS_AT_ONCE):
            await to_thread.run_sync(writer.add, table.name, [as_document(row) for row in rows])
    await to_thread.run_sync(writer.finish)


async def _read(connection: AsyncConnection, reader: ExportReader, contents: Contents) -> None:
    await connection.execute(sa.delete(counters))
    batches = reader.batches(contents)
    while batch := await to_thread.run_sync(_next_batch, batches):
        table, rows = batch
        with _broken_rules_told():
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


async def _require_fitting(contents: Contents, known_keys: Collection[str]) -> None:
    if contents.rows.keys() != {table.name for table in TABLES}:
        raise SettingsError(DAMAGED)
    match (await known_schemas()).state(contents.revision, None):
        case SchemaState.NEWER:
            raise SettingsError("The export is of a newer Pushpaka. Install that version here.")
        case SchemaState.OLDER:
            raise SettingsError(
                "The export is of an older Pushpaka. Update the one that it comes from, and "
                "export it again."
            )
    if missing := sorted(set(contents.key_ids) - set(known_keys)):
        raise SettingsError(
            "The secrets in the export are encrypted with keys that are not here: "
            f"{', '.join(missing)}. Set PUSHPAKA_SECRET_KEY and PUSHPAKA_ENCRYPTION_KEYS as the "
            "instance has them that it comes from, or bring its keys.json into the data "
            "directory first."
        )


async def _require_empty(connection: AsyncConnection) -> None:
    """Pass only where nobody has kept anything, nor will until the import is done."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in TABLES)
        await connection.execute(sa.text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
    for table in TABLES:
        if table is not counters and await _count(connection, table):
            raise SettingsError(
                f"The database is not empty: it has a {table.info['row']}. Import into a new one, "
                "by another PUSHPAKA_DATABASE_URL or PUSHPAKA_DATA_DIRECTORY."
            )


async def _key_ids(connection: AsyncConnection) -> Sequence[str]:
    queries = [sa.select(column).where(column.is_not(None)) for column in key_id_columns()]
    return sorted(await connection.scalars(sa.union(*queries)))


async def _count(connection: AsyncConnection, table: sa.Table) -> int:
    return await connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@asynccontextmanager
async def _begun(lane: Lane) -> AsyncIterator[AsyncConnection]:
    """Begin a transaction that may stand still, as a file or who sends it can be slow."""
    with translated_errors():
        async with lane.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                for limit in ("idle_in_transaction_session_timeout", "statement_timeout"):
                    await connection.execute(sa.text(f"SET LOCAL {limit} = 0"))
            yield connection


@contextmanager
def _broken_rules_told() -> Iterator[None]:
    try:
        with translated_errors():
            yield
    except (DuplicateError, NotFoundError, StatementError, ValueError):
        raise SettingsError(DAMAGED) from None
