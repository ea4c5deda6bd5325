"""The part of the storage that knows all that is encrypted, whosever it is."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.stored_secrets import SecretKind, StoredSecret


class Secrets(Protocol):
    """The secrets of all owners, for who exchanges the keys that they are encrypted with."""

    async def count_by_key(self) -> Mapping[str, int]:
        """Return how many secrets each key has encrypted, by the id of the key."""
        ...

    async def not_under(
        self, key_id: str, /, *, kind: SecretKind, after: UUID | None, limit: int
    ) -> Sequence[StoredSecret]:
        """
        Return the first secrets of a kind under other keys, by id, behind the one *after*.

        In a transaction those are left out that others change just now: it waits for nobody.
        """
        ...

    async def replace(self, *exchanges: tuple[StoredSecret, Encrypted]) -> None:
        """Keep the new one for each old one, all of one kind, unless that was changed meanwhile."""
