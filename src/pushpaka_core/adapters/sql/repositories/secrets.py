"""All encrypted values, in the tables of their owners."""

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
    volumes,
    webhooks,
)
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.platform.stored_secrets import SECRET_LOCATIONS, SecretKind, StoredSecret
from pushpaka_core.domain.secrets import Encrypted

TABLES: Mapping[SecretKind, sa.Table] = {
    SecretKind.GIT_ACCESS: projects,
    SecretKind.REGISTRY_ACCESS: projects,
    SecretKind.ENV_VAR: env_vars,
    SecretKind.ENVIRONMENT: environments,
    SecretKind.DEPLOY_KEY: deploy_keys,
    SecretKind.WEBHOOK: webhooks,
    SecretKind.CHANNEL_URL: channels,
    SecretKind.CHANNEL_SIGNING: channels,
    SecretKind.DATABASE_PASSWORD: volumes,
}


@frozen
class SqlSecrets:
    """SQL implementation of `Secrets`."""

    _statements: Statements

    async def count_by_key(self) -> Mapping[str, int]:
        keys = [sa.select(c.label("key_id")).where(c.is_not(None)) for c in key_id_columns()]
        each = sa.union_all(*keys).subquery()
        counted = sa.select(each.c.key_id, sa.func.count()).group_by(each.c.key_id)
        return dict(await self._statements.tuples(counted))

    async def list_not_encrypted_with(
        self, key_id: str, /, *, kind: SecretKind, after: UUID | None, limit: int
    ) -> Sequence[StoredSecret]:
        table, place = TABLES[kind], SECRET_LOCATIONS[kind]
        owner_id = table.c[place.key]
        query = sa.select(table).where(table.c[f"{place.name}_key_id"] != key_id)
        if after is not None:
            query = query.where(owner_id > after)
        unlocked = self._statements.skip_locked(query.order_by(owner_id).limit(limit), table)
        owners = await self._statements.all(place.entity, unlocked)
        secrets = (StoredSecret.of(kind, owner) for owner in owners)
        return [secret for secret in secrets if secret is not None]

    async def replace(self, *replacements: tuple[StoredSecret, Encrypted]) -> None:
        if not replacements:
            return
        kind = replacements[0][0].kind
        table, place = TABLES[kind], SECRET_LOCATIONS[kind]
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
                for old, new in replacements
            ],
        )


def key_id_columns() -> Iterator[sa.Column[Any]]:
    """Yield the columns with the key ids of secrets."""
    tables = metadata.sorted_tables
    yield from (c for table in tables for c in table.columns if c.name.endswith("_key_id"))
