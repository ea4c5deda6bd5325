"""What the database says, in our own words."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, NotSupportedError, PendingRollbackError

from pushpaka_core.adapters.sql.schema import metadata
from pushpaka_core.errors import DuplicateError, NotFoundError, StorageUnavailableError

_POSTGRES_OUTAGES = {
    "25006": "it can only be read",
    "25P03": "the transaction stood still for too long",
    "40001": "others wrote the same at the same time",
    "40P01": "others wrote the same at the same time",
    "53100": "its disk is full",
    "55P03": "others hold what is to be written for too long",
    "57014": "it is busy",
    "58030": "its disk fails",
}
"""SQLSTATEs that are an outage; so are all of the classes below."""
_POSTGRES_OUTAGE_CLASSES = {
    "08": "the connection is lost",
    "53": "it has no room for more",
    "57": "it is being restarted",
}

_SQLITE_OUTAGES = {
    5: "it is locked by another program",
    6: "it is locked by another program",
    8: "it can only be read",
    10: "its disk fails",
    11: "its file is damaged",
    13: "its disk is full",
    14: "its file cannot be opened",
    26: "its file is not a database",
}
"""SQLite's primary result codes for what an operator can mend; all others are mistakes of ours."""


@contextmanager
def translated_errors(table: sa.Table | None = None) -> Iterator[None]:
    """
    Raise errors of ours instead of the database's, about a row of *table* where one is written.

    Raises:
        StorageUnavailableError: If the database is out of reach, locked or full; or if
            several writers got in each other's way, of whom others go on.
        DuplicateError: If a unique index refuses the row.
        NotFoundError: If the row belongs to something that is not there.
    """
    try:
        yield
    except IntegrityError as error:
        raise _refusal(str(error.orig), table) from error
    except DBAPIError as error:
        if reason := _outage(error):
            raise unavailable(reason) from error
        raise
    except (OSError, PendingRollbackError) as error:
        raise unavailable("the connection is lost") from error


def unavailable(reason: str) -> StorageUnavailableError:
    """Return what is raised where the database does not do what it should, for *reason*."""
    return StorageUnavailableError(f"The database does not answer: {reason}. Try again soon.")


def _outage(error: DBAPIError) -> str | None:
    """Return why the database does not answer, or None where the statement itself is wrong."""
    if error.connection_invalidated:
        return "the connection is lost"
    if isinstance(error, NotSupportedError) and "cached statement" in str(error.orig):
        return "its tables were just changed"
    if state := getattr(error.orig, "sqlstate", None):
        return _POSTGRES_OUTAGES.get(state) or _POSTGRES_OUTAGE_CLASSES.get(state[:2])
    return _SQLITE_OUTAGES.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)


def _refusal(message: str, table: sa.Table | None) -> DuplicateError | NotFoundError:
    if "foreign key" in message.lower():
        return NotFoundError(table.info["of"] if table is not None else "row")
    return DuplicateError(_taken(message))


def _taken(message: str) -> str:
    """Find the index that refused a row: SQLite names its columns, PostgreSQL its name."""
    for table in metadata.tables.values():
        for index in table.indexes:
            columns = ", ".join(f"{table.name}.{column.name}" for column in index.columns)
            if index.unique and (message.endswith(f": {columns}") or f'"{index.name}"' in message):
                return str(index.info["taken"])
    return "id"
