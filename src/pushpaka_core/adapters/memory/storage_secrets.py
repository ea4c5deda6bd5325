"""All that is encrypted, kept in memory."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage_tables import Table, Tables
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.stored_secrets import PLACES, SecretKind, StoredSecret


@frozen
class MemorySecrets:
    """The secrets of all owners."""

    _tables: Tables

    async def count_by_key(self) -> Mapping[str, int]:
        """Return how many secrets each key has encrypted."""
        return Counter(
            secret.encrypted.key_id for kind in SecretKind for secret in self._of_kind(kind)
        )

    async def not_under(
        self, key_id: str, /, *, kind: SecretKind, after: UUID | None, limit: int
    ) -> Sequence[StoredSecret]:
        """Return the first secrets of a kind under other keys, by id."""
        found = [
            secret
            for secret in self._of_kind(kind)
            if secret.encrypted.key_id != key_id and (after is None or secret.id > after)
        ]
        return sorted(found, key=lambda secret: secret.id)[:limit]

    async def replace(self, *exchanges: tuple[StoredSecret, Encrypted]) -> None:
        """Keep the new one for each old one that is kept."""
        for old, new in exchanges:
            table = self._table(old.kind)
            owner = table.find(old.id)
            if owner is not None and StoredSecret.of(old.kind, owner) == old:
                table.put(old.id, evolve(owner, **{PLACES[old.kind].name: new}))

    def _of_kind(self, kind: SecretKind) -> Iterator[StoredSecret]:
        secrets = (StoredSecret.of(kind, owner) for owner in self._table(kind))
        return (secret for secret in secrets if secret is not None)

    def _table(self, kind: SecretKind) -> Table[UUID, Any]:
        tables: Mapping[SecretKind, Table[Any, Any]] = {
            SecretKind.GIT_ACCESS: self._tables.projects,
            SecretKind.ENV_VAR: self._tables.env_vars,
            SecretKind.ENVIRONMENT: self._tables.environments,
            SecretKind.DEPLOY_KEY: self._tables.deploy_keys,
            SecretKind.WEBHOOK: self._tables.webhooks,
            SecretKind.CHANNEL_URL: self._tables.channels,
            SecretKind.CHANNEL_SIGNING: self._tables.channels,
        }
        return tables[kind]
