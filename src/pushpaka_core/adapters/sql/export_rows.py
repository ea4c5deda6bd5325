"""Rows as they are written into an export, and read from it into either database."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from pushpaka_core.adapters.sql.columns import UTCDateTime
from pushpaka_core.adapters.sql.schema import (
    archive_chunks,
    archives,
    identity,
    metadata,
    node_leases,
    nodes,
    schema_compatibility,
    workers,
)

T = TypeVar("T")

_BITS = 63
_OF_A_MACHINE = (nodes, node_leases, workers)
"""Who runs what is found out anew; what ought to run is kept, as instances."""

_OF_A_DATABASE = (identity, schema_compatibility)
"""Which instance it is the export says once, of all rows."""

_SENT = (archives, archive_chunks)
"""What was built of them is no row either; who sent one has it still."""

TABLES: Sequence[sa.Table] = [
    t for t in metadata.sorted_tables if t not in (*_OF_A_MACHINE, *_OF_A_DATABASE, *_SENT)
]
"""What an export has, the owners of rows before the rows that are theirs."""


def exported(table: sa.Table) -> sa.Select[Any]:
    """Return the query for all rows of *table*, in their order."""
    return sa.select(*_columns(table)).order_by(*table.primary_key)


def as_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as JSON can hold it."""
    return {name: _written(value) for name, value in row.items()}


def from_document(table: sa.Table, document: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the row of *table* that *document* stands for.

    Raises:
        ValueError: If it stands for none.
    """
    columns = _columns(table)
    if document.keys() != {column.name for column in columns}:
        raise ValueError(f"this is no {table.info['row']}")
    return {column.name: _read(column, document[column.name]) for column in columns}


def _columns(table: sa.Table) -> Sequence[sa.Column[Any]]:
    """Return all columns but the number of a row, which each database counts by itself."""
    return [column for column in table.columns if column.name != "position"]


def _written(value: object) -> object:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case bytes():
            return b64encode(value).decode()
        case _:
            return value


def _read(column: sa.Column[Any], value: Any) -> object:
    if value is None and column.nullable:
        return None
    match column.type:
        case sa.JSON():
            return value
        case sa.Boolean():
            return _require(bool, value)
        case sa.Integer():
            return _require_kept(_require(int, value))
        case sa.Double():
            return _require(float, value)
        case _:
            return _read_text(column, _require(str, value))


def _read_text(column: sa.Column[Any], text: str) -> object:
    match column.type:
        case sa.Uuid():
            return UUID(text)
        case UTCDateTime():
            return datetime.fromisoformat(text)
        case sa.LargeBinary():
            return b64decode(text, validate=True)
        case _:
            return text


def _require(kind: type[T], value: object) -> T:
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise ValueError(f"{value!r} is not of the type {kind.__name__}")
    return value


def _require_kept(number: int) -> int:
    if number.bit_length() > _BITS:
        raise ValueError(f"{number} is too large for a database")
    return number
