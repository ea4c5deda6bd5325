"""Custom domains in the database."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.repositories.project_entities import (
    SqlProjectEntities,
    SqlVisibleEntities,
)
from pushpaka_core.adapters.sql.schema import custom_domains
from pushpaka_core.converters import to_row
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.projects.entities import EntityType
from pushpaka_core.domain.routing.custom_domains import (
    CUSTOM_DOMAINS,
    MAX_CHECK_INTERVAL,
    CustomDomain,
    CustomDomainId,
)
from pushpaka_core.errors import DuplicateError, NotFoundError


@frozen
class SqlVisibleCustomDomains(SqlVisibleEntities[CustomDomainId, CustomDomain]):
    """SQL implementation of `VisibleCustomDomains`."""

    async def list_due(self, now: datetime, /, *, limit: int) -> Sequence[CustomDomain]:
        next_look = custom_domains.c.next_look_at
        # Older versions leave the column empty. A time too far ahead was written with a wrong
        # clock.
        is_due = sa.or_(next_look.is_(None), next_look <= now, next_look > now + MAX_CHECK_INTERVAL)
        # An expression instead of the column, so that the database does not scan its whole index.
        order = sa.func.coalesce(next_look, custom_domains.c.created_at), custom_domains.c.id
        query = sa.select(custom_domains).where(self._is_visible, is_due).order_by(*order)
        return await self._statements.all(CustomDomain, query.limit(limit))

    async def list_verified(self, names: Collection[str], /) -> Sequence[CustomDomain]:
        is_one = custom_domains.c.domain.in_(names)
        return await self._newest_first(is_one, custom_domains.c.verified_at.is_not(None))

    async def list_changed_since(self, moment: datetime, /) -> Sequence[CustomDomain]:
        return await self._newest_first(custom_domains.c.updated_at >= moment)


@frozen
class SqlCustomDomains(SqlProjectEntities[CustomDomainId, CustomDomain]):
    """SQL implementation of `CustomDomains`."""

    _type: EntityType[CustomDomainId, CustomDomain] = CUSTOM_DOMAINS

    def visible_to(self, actor: Actor, /) -> SqlVisibleCustomDomains:
        return SqlVisibleCustomDomains(self._statements, self._type, actor)

    async def add(self, domain: CustomDomain, /) -> None:
        is_taken = sa.and_(
            custom_domains.c.domain == domain.domain, custom_domains.c.verified_at.is_not(None)
        )
        if await self._statements.scalar(sa.select(custom_domains.c.id).where(is_taken)):
            raise DuplicateError("domain")
        await self._statements.run(sa.insert(custom_domains).values(_to_row(domain)))

    async def update(self, domain: CustomDomain, /) -> None:
        is_it = custom_domains.c.id == domain.id
        changed = sa.update(custom_domains).where(is_it).values(_to_row(domain))
        if not await self._statements.run(changed):
            raise NotFoundError("domain")


def _to_row(domain: CustomDomain) -> dict[str, Any]:
    """Return the row of *domain*, with the indexed time of its next check."""
    return to_row(domain) | {"next_look_at": domain.next_check_at}
