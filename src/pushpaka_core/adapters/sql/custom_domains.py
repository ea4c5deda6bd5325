"""Custom domains, kept in a table."""

from collections.abc import Sequence

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.projects import belonging_seen_by
from pushpaka_core.adapters.sql.schema import custom_domains
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.converters import to_row
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.custom_domains import CustomDomain, CustomDomainId
from pushpaka_core.errors import DuplicateError, NotFoundError


@frozen
class SqlVisibleCustomDomains:
    """The custom domains that one actor sees."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: CustomDomainId, /) -> CustomDomain:
        """Return one domain."""
        return await self._statements.get(
            CustomDomain, custom_domains, custom_domains.c.id == id, self._is_seen
        )

    async def all(self) -> Sequence[CustomDomain]:
        """Return all of them, the newest first."""
        newest = custom_domains.c.created_at.desc(), custom_domains.c.id.desc()
        query = sa.select(custom_domains).where(self._is_seen).order_by(*newest)
        return await self._statements.all(CustomDomain, query)

    @property
    def _is_seen(self) -> sa.ColumnElement[bool]:
        return belonging_seen_by(self._actor, custom_domains.c.project_id)


@frozen
class SqlCustomDomains:
    """Custom domains, by owner."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleCustomDomains:
        """Return what *actor* may see."""
        return SqlVisibleCustomDomains(self._statements, actor)

    async def add(self, domain: CustomDomain, /) -> None:
        """Keep a new domain."""
        is_taken = sa.and_(
            custom_domains.c.domain == domain.domain, custom_domains.c.verified_at.is_not(None)
        )
        if await self._statements.scalar(sa.select(custom_domains.c.id).where(is_taken)):
            raise DuplicateError("domain")
        await self._statements.insert(custom_domains, domain)

    async def update(self, domain: CustomDomain, /) -> None:
        """Keep a changed domain."""
        is_it = custom_domains.c.id == domain.id
        changed = sa.update(custom_domains).where(is_it).values(to_row(domain))
        if not await self._statements.run(changed):
            raise NotFoundError("domain")

    async def remove(self, domain: CustomDomain, /) -> None:
        """Take a domain away."""
        is_it = custom_domains.c.id == domain.id
        await self._statements.run(sa.delete(custom_domains).where(is_it))
