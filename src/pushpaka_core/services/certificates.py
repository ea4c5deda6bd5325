"""Sends the visitors of a custom domain to HTTPS as soon as there is a certificate for it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import define, evolve, field

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.custom_domains import CustomDomain, CustomDomainId
from pushpaka_core.domain.timings import has_come
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.router import Router
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.routing import Routing

_ALL_LOOKED_AT = timedelta(hours=1)
"""How long what cannot be seen to have changed is left alone, as an authority that was away."""
_MOST_NAMES = 500
"""Of so many that have changed no domain is looked for by its name."""
_OVERLAP = timedelta(minutes=1)
"""How long what has changed may take to be kept."""


@define
class Certificates:
    """Keeps which custom domains the router has certificates for, and has it take up new ones."""

    _storage: Storage
    _router: Router
    _routing: Routing
    _now: Clock
    _known: Mapping[str, datetime] = field(factory=dict, init=False)
    _good: Collection[str] = field(factory=frozenset, init=False)
    """The names of those that had not ended at the last look."""
    _looked_at: datetime | None = field(default=None, init=False)
    _next_full_look: datetime | None = field(default=None, init=False)

    async def note(self) -> None:
        """
        Look which certificates there are now.

        A router reads certificates, and tries again to obtain what it could not, when it gets
        another table: so it is given one where there are others than before, and from time
        to time while a domain is without.
        """
        certificates, now = await self._router.certificates(), self._now()
        good = frozenset(name for name, until in certificates.items() if until > now)
        changed = good ^ frozenset(self._good)
        is_full = self._is_time_for_all(now) or _concerns_many(changed)
        domains = await (self._all() if is_full else self._changed(changed, now))
        for domain in domains:
            if domain.ssl_enabled != _has_certificate(domain, good):
                await self._keep(domain.id, good)
        is_one_without = any(d.wants_certificate and not _has_certificate(d, good) for d in domains)
        if certificates != self._known or (is_full and is_one_without):
            await self._routing.publish()
        self._known, self._good, self._looked_at = certificates, good, now
        if is_full:
            self._next_full_look = now + _ALL_LOOKED_AT

    def _is_time_for_all(self, now: datetime) -> bool:
        moment = self._next_full_look
        return moment is None or has_come(moment, now=now, longest=_ALL_LOOKED_AT)

    async def _all(self) -> Sequence[CustomDomain]:
        async with self._storage.snapshot() as uow:
            return await uow.custom_domains.visible_to(PLATFORM).all()

    async def _changed(self, names: Collection[str], now: datetime) -> Sequence[CustomDomain]:
        """Return what may be different since the last look, by its certificate or its proof."""
        since = (self._looked_at or now) - _OVERLAP
        async with self._storage.snapshot() as uow:
            visible = uow.custom_domains.visible_to(PLATFORM)
            named = await visible.verified(names) if names else ()
            return [*named, *await visible.changed_since(since)]

    async def _keep(self, id: CustomDomainId, names: Collection[str]) -> None:
        async with self._storage.transaction() as uow:
            try:
                domain = await uow.custom_domains.visible_to(PLATFORM).get(id)
            except NotFoundError:
                return
            changed = evolve(domain, ssl_enabled=_has_certificate(domain, names))
            await uow.custom_domains.update(changed)


def _has_certificate(domain: CustomDomain, names: Collection[str]) -> bool:
    wildcard = f"*.{domain.domain.partition('.')[2]}"
    return domain.is_verified and (domain.domain in names or wildcard in names)


def _concerns_many(names: Collection[str]) -> bool:
    return len(names) > _MOST_NAMES or any(name.startswith("*.") for name in names)
