"""Translates errors of the database."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, NotSupportedError, PendingRollbackError

from pushpaka_core.adapters.sql.schema import metadata
from pushpaka_core.errors import DuplicateError, NotFoundError, StorageUnavailableError

_POSTGRES_OUTAGES = {
    "25006": "it is read-only",
    "25P03": "the transaction was idle for too long",
    "40001": "a concurrent transaction wrote the same rows",
    "40P01": "a concurrent transaction wrote the same rows",
    "53100": "its disk is full",
    "55P03": "a lock was not released in time",
    "57014": "it is busy",
    "58030": "its disk failed",
}
"""SQLSTATEs that mean an outage, in addition to `_POSTGRES_OUTAGE_CLASSES`."""
_POSTGRES_OUTAGE_CLASSES = {
    "08": "the connection was lost",
    "53": "it has reached a limit of its resources",
    "57": "it is restarting",
}

_SQLITE_OUTAGES = {
    5: "it is locked by another program",
    6: "it is locked by another program",
    8: "it is read-only",
    10: "its disk failed",
    11: "its file is damaged",
    13: "its disk is full",
    14: "its file cannot be opened",
    26: "its file is not a database",
}
"""SQLite's primary result codes for problems that an operator can fix. All others are bugs."""


@contextmanager
def translated_errors(table: sa.Table | None = None) -> Iterator[None]:
    """
    Translate errors of the database into domain errors.

    Args:
        table: The table that is written to, for the message about a missing foreign key.

    Raises:
        StorageUnavailableError: If the database is unreachable, locked or full, or the transaction
            lost a conflict with a concurrent one. The transaction can be retried.
        DuplicateError: If a unique index rejects the row.
        NotFoundError: If the row refers to one that does not exist.
    """
    try:
        yield
    except IntegrityError as error:
        raise _integrity_error(str(error.orig), table) from error
    except DBAPIError as error:
        if reason := _outage_reason(error):
            raise unavailable_error(reason) from error
        raise
    except (OSError, PendingRollbackError) as error:
        raise unavailable_error("the connection was lost") from error


def unavailable_error(reason: str) -> StorageUnavailableError:
    """Return the error for a database that does not respond because of *reason*."""
    return StorageUnavailableError(
        f"The database is unavailable: {reason}. Try again in a few seconds."
    )


def _outage_reason(error: DBAPIError) -> str | None:
    """Return why the database is unavailable, or None if the statement itself is invalid."""
    if error.connection_invalidated:
        return "the connection was lost"
    if isinstance(error, NotSupportedError) and "cached statement" in str(error.orig):
        return "its schema has just changed"
    if state := getattr(error.orig, "sqlstate", None):
        return _POSTGRES_OUTAGES.get(state) or _POSTGRES_OUTAGE_CLASSES.get(state[:2])
    return _SQLITE_OUTAGES.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)


def _integrity_error(message: str, table: sa.Table | None) -> DuplicateError | NotFoundError:
    if "foreign key" in message.lower():
        return NotFoundError(table.info["parent"] if table is not None else "row")
    return DuplicateError(_violated_constraint(message))


def _violated_constraint(message: str) -> str:
    """
    Return the description of the violated index.

    SQLite's message names the columns of the index, and PostgreSQL's the index itself.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            columns = ", ".join(f"{table.name}.{column.name}" for column in index.columns)
            if index.unique and (message.endswith(f": {columns}") or f'"{index.name}"' in message):
                return str(index.info["field"])
    return "id"
