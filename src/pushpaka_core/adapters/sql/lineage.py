"""Which schemas this program knows, and how that of a database stands to them."""

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen

from pushpaka_core.errors import SettingsError

_NEWER = (
    "The database was written by a newer Pushpaka. Install that version again, "
    "or name another database by PUSHPAKA_DATABASE_URL."
)
_OLDER = "The database is of an older Pushpaka, or empty. Run: pushpaka migrate"


class SchemaState(StrEnum):
    """How the schema of a database stands to this program's."""

    CURRENT = "current"
    OLDER = "older"
    AHEAD = "ahead"
    """Newer, and made so that this program can go on with it."""
    NEWER = "newer"
    EMPTY = "empty"

    def require_usable(self) -> None:
        """Pass where this program can work with the schema; else SettingsError."""
        if self is not SchemaState.AHEAD:
            self.require_current()

    def require_current(self) -> None:
        """Pass where the schema is this program's own; else SettingsError."""
        if self in {SchemaState.NEWER, SchemaState.AHEAD}:
            raise SettingsError(_NEWER)
        if self is not SchemaState.CURRENT:
            raise SettingsError(_OLDER)


@frozen
class Lineage:
    """The migrations that this program has, by the names of the schemas that they make."""

    _oldest: Mapping[str, str]
    """For each schema, the first one first, the oldest that a program may know to live with it."""

    @property
    def newest(self) -> str:
        """Return the name of this program's own schema."""
        return list(self._oldest)[-1]

    def knows(self, name: str) -> bool:
        """Tell whether this program has the migration to the schema of that name."""
        return name in self._oldest

    def state(self, present: str | None, oldest: str | None) -> SchemaState:
        """
        Tell how the *present* schema stands.

        It says itself that programs can live with it which know the schema *oldest*.
        """
        if present is None:
            return SchemaState.EMPTY
        if present == self.newest:
            return SchemaState.CURRENT
        if self.knows(present):
            return SchemaState.OLDER
        return SchemaState.AHEAD if oldest in self._oldest else SchemaState.NEWER

    def spares(self, present: str) -> bool:
        """Tell whether programs of the *present* schema can live with this program's."""
        known = list(self._oldest)
        coming = known[known.index(present) + 1 :]
        return all(known.index(self._oldest[name]) <= known.index(present) for name in coming)
