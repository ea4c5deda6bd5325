"""Compares the schema of a database with the migrations of this version."""

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen

from pushpaka_core.errors import SettingsError

_NEWER_MESSAGE = (
    "The schema of the database is newer than this version of Pushpaka. Install the newer version"
    " again, or set PUSHPAKA_DATABASE_URL to a different database."
)
_OLDER_MESSAGE = "The database is empty, or its schema is older. Run `pushpaka migrate`."


class SchemaState(StrEnum):
    """How a database's schema compares to the one that this version expects."""

    CURRENT = "current"
    OLDER = "older"
    AHEAD = "ahead"
    """The schema is newer, but this version can still use it."""
    NEWER = "newer"
    EMPTY = "empty"

    def require_usable(self) -> None:
        """Raise SettingsError unless this version can use the schema."""
        if self is not SchemaState.AHEAD:
            self.require_current()

    def require_current(self) -> None:
        """Raise SettingsError unless the schema is exactly that of this version."""
        if self in {SchemaState.NEWER, SchemaState.AHEAD}:
            raise SettingsError(_NEWER_MESSAGE)
        if self is not SchemaState.CURRENT:
            raise SettingsError(_OLDER_MESSAGE)


@frozen
class SchemaVersions:
    """The schema revisions that this version has migrations for."""

    _compatible_since: Mapping[str, str]
    """For each revision, in order, the oldest revision whose programs can still use it."""

    @property
    def newest(self) -> str:
        """Return the latest revision."""
        return list(self._compatible_since)[-1]

    def contains(self, name: str) -> bool:
        """Return whether this version has the migration to the revision *name*."""
        return name in self._compatible_since

    def state(self, revision: str | None, compatible_since: str | None) -> SchemaState:
        """
        Compare a schema with that of this version.

        Args:
            revision: Revision of the schema, or None if the database is empty.
            compatible_since: The oldest revision whose programs can use the schema, according to
                the database.
        """
        if revision is None:
            return SchemaState.EMPTY
        if revision == self.newest:
            return SchemaState.CURRENT
        if self.contains(revision):
            return SchemaState.OLDER
        return (
            SchemaState.AHEAD if compatible_since in self._compatible_since else SchemaState.NEWER
        )

    def stays_compatible(self, revision: str) -> bool:
        """
        Return whether programs built for *revision* still work after a migration to the newest
        revision.
        """
        known = list(self._compatible_since)
        coming = known[known.index(revision) + 1 :]
        return all(
            known.index(self._compatible_since[name]) <= known.index(revision) for name in coming
        )
