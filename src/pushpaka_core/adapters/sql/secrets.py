"""All that is encrypted, kept in the tables of its owners."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import (
    channels,
    deploy_keys,
    env_vars,
    environments,
    metadata,
    projects,
    webhooks,
)
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.stored_secrets import PLACES, SecretKind, StoredSecret

TABLES: Mapping[SecretKind, sa.Table] = {
    SecretKind.GIT_ACCESS: projects,
    SecretKind.ENV_VAR: env_vars,
    SecretKind.ENVIRONMENT: environments,
    SecretKind.DEPLOY_KEY: deploy_keys,
    SecretKind.WEBHOOK: webhooks,
    SecretKind.CHANNEL_URL: channels,
    SecretKind.CHANNEL_SIGNING: channels,
}


@frozen
class SqlSecrets:
    """The secrets of all owners."""

    _statements: Statements

    async def count_by_key(self) -> Mapping[str, int]:
        """Return how many secrets each key has encrypted."""
        keys = [sa.select(c.label("key_id")).where(c.is_not(None)) for c in key_id_columns()]
        each = sa.union_all(*keys).subquery()
        counted = sa.select(each.c.key_id, sa.func.count()).group_by(each.c.key_id)
        return dict(await self._statements.tuples(counted))

    async def not_under(
        self, key_id: str, /, *, kind: SecretKind, after: UUID | None, limit: int
    ) -> Sequence[StoredSecret]:
        """Return the first secrets of a kind under other keys, by id."""
        table, place = TABLES[kind], PLACES[kind]
        owner_id = table.c[place.key]
        query = sa.select(table).where(table.c[f"{place.name}_key_id"] != key_id)
        if after is not None:
            query = query.where(owner_id > after)
        unlocked = self._statements.unlocked(query.order_by(owner_id).limit(limit), table)
        owners = await self._statements.all(place.owner, unlocked)
        secrets = (StoredSecret.of(kind, owner) for owner in owners)
        return [secret for secret in secrets if secret is not None]

    async def replace(self, *exchanges: tuple[StoredSecret, Encrypted]) -> None:
        """Keep the new one for each old one that is kept."""
        if not exchanges:
            return
        kind = exchanges[0][0].kind
        table, place = TABLES[kind], PLACES[kind]
        key_id, ciphertext = table.c[f"{place.name}_key_id"], table.c[f"{place.name}_ciphertext"]
        statement = (
            sa.update(table)
            .where(table.c[place.key] == sa.bindparam("owner"), ciphertext == sa.bindparam("old"))
            .values({key_id: sa.bindparam("new_key"), ciphertext: sa.bindparam("new")})
        )
        await self._statements.run_each(
            statement,
            [
                {
                    "owner": old.id,
                    "old": old.encrypted.ciphertext,
                    "new_key": new.key_id,
                    "new": new.ciphertext,
                }
                for old, new in exchanges
            ],
        )


def key_id_columns() -> Iterator[sa.Column[Any]]:
    """Yield the columns that name the keys of secrets."""
    tables = metadata.sorted_tables
    yield from (c for table in tables for c in table.columns if c.name.endswith("_key_id"))
