"""Converts rows to JSON documents for an export, and back for either database."""

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

_MAX_BITS = 63
_HOST_TABLES = (nodes, node_leases, workers)
"""
Tables that are not exported, because machines and processes register again. Instances of
applications are exported.
"""

_DATABASE_TABLES = (identity, schema_compatibility)
"""Tables about the database itself, which are not exported. The header contains the instance id."""

_ARCHIVE_TABLES = (archives, archive_chunks)
"""Tables of uploaded archives, which are not exported. Build artifacts are not exported either."""

TABLES: Sequence[sa.Table] = [
    t
    for t in metadata.sorted_tables
    if t not in (*_HOST_TABLES, *_DATABASE_TABLES, *_ARCHIVE_TABLES)
]
"""The exported tables. A table comes after those that it refers to."""


def export_query(table: sa.Table) -> sa.Select[Any]:
    """Return the query for all rows of *table*, in order of the primary key."""
    return sa.select(*_columns(table)).order_by(*table.primary_key)


def to_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a row to a JSON document."""
    return {name: _to_json(value) for name, value in row.items()}


def from_document(table: sa.Table, document: Mapping[str, Any]) -> dict[str, Any]:
    """
    Convert a JSON document to a row of *table*.

    Raises:
        ValueError: If the document is not a row of *table*.
    """
    columns = _columns(table)
    if document.keys() != {column.name for column in columns}:
        raise ValueError(f"not a valid row of {table.name}")
    return {column.name: _from_json(column, document[column.name]) for column in columns}


def _columns(table: sa.Table) -> Sequence[sa.Column[Any]]:
    """Return all columns but the row number, which every database assigns itself."""
    return [column for column in table.columns if column.name != "position"]


def _to_json(value: object) -> object:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case bytes():
            return b64encode(value).decode()
        case _:
            return value


def _from_json(column: sa.Column[Any], value: Any) -> object:
    if value is None and column.nullable:
        return None
    match column.type:
        case sa.JSON():
            return value
        case sa.Boolean():
            return _require(bool, value)
        case sa.Integer():
            return _require_64_bits(_require(int, value))
        case sa.Double():
            return _require(float, value)
        case _:
            return _from_json_string(column, _require(str, value))


def _from_json_string(column: sa.Column[Any], text: str) -> object:
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
        raise ValueError(f"{value!r} is not of type {kind.__name__}")
    return value


def _require_64_bits(number: int) -> int:
    if number.bit_length() > _MAX_BITS:
        raise ValueError(f"{number} does not fit in 64 bits")
    return number
