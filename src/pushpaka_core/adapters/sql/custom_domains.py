"""Custom domains, kept in a table."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.projects import belonging_seen_by
from pushpaka_core.adapters.sql.schema import custom_domains
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.converters import to_row
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.custom_domains import LONGEST_PAUSE, CustomDomain, CustomDomainId
from pushpaka_core.errors import DuplicateError, NotFoundError

_NEWEST = custom_domains.c.created_at.desc(), custom_domains.c.id.desc()


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
        return await self._where(sa.true())

    async def due(self, at: datetime, /, *, limit: int) -> Sequence[CustomDomain]:
        """Return those that are to be looked at again, the longest due first."""
        next_look = custom_domains.c.next_look_at
        # A program before this one keeps none; a clock that was set back has kept what is far off.
        is_due = sa.or_(next_look.is_(None), next_look <= at, next_look > at + LONGEST_PAUSE)
        # The order of an index would have it read from one end to the other.
        order = sa.func.coalesce(next_look, custom_domains.c.created_at), custom_domains.c.id
        return await self._where(is_due, order=order, limit=limit)

    async def verified(self, names: Collection[str], /) -> Sequence[CustomDomain]:
        """Return the verified ones of some names."""
        is_one = custom_domains.c.domain.in_(names)
        return await self._where(is_one & custom_domains.c.verified_at.is_not(None))

    async def changed_since(self, moment: datetime, /) -> Sequence[CustomDomain]:
        """Return those that were added, became verified, or are it no more, since then."""
        return await self._where(custom_domains.c.updated_at >= moment)

    async def _where(
        self,
        is_wanted: sa.ColumnElement[bool],
        *,
        order: Iterable[sa.ColumnElement[Any]] = _NEWEST,
        limit: int | None = None,
    ) -> Sequence[CustomDomain]:
        query = sa.select(custom_domains).where(self._is_seen, is_wanted)
        return await self._statements.all(CustomDomain, query.order_by(*order).limit(limit))

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
        await self._statements.run(sa.insert(custom_domains).values(_row_of(domain)))

    async def update(self, domain: CustomDomain, /) -> None:
        """Keep a changed domain."""
        is_it = custom_domains.c.id == domain.id
        changed = sa.update(custom_domains).where(is_it).values(_row_of(domain))
        if not await self._statements.run(changed):
            raise NotFoundError("domain")

    async def remove(self, domain: CustomDomain, /) -> None:
        """Take a domain away."""
        is_it = custom_domains.c.id == domain.id
        await self._statements.run(sa.delete(custom_domains).where(is_it))


def _row_of(domain: CustomDomain) -> dict[str, Any]:
    """Return *domain* by columns, with what it is found by when its time has come."""
    return to_row(domain) | {"next_look_at": domain.next_look}
