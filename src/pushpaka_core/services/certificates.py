"""Sends the visitors of a custom domain to HTTPS as soon as there is a certificate for it."""

from collections.abc import Collection, Mapping
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

_ASKED_AGAIN = timedelta(hours=1)
"""How long a domain waits for its certificate until the router is told of it once more."""


@define
class Certificates:
    """Keeps which custom domains the router has certificates for, and has it take up new ones."""

    _storage: Storage
    _router: Router
    _routing: Routing
    _now: Clock
    _known: Mapping[str, datetime] = field(factory=dict, init=False)
    _next_time: datetime | None = field(default=None, init=False)

    async def note(self) -> None:
        """
        Look which certificates there are now.

        A router reads certificates, and tries again to obtain what it could not, when it gets
        another table: so it is given one where there are others than before, and from time
        to time while a domain is without.
        """
        certificates, now = await self._router.certificates(), self._now()
        names = {name for name, until in certificates.items() if until > now}
        async with self._storage.snapshot() as uow:
            domains = await uow.custom_domains.visible_to(PLATFORM).all()
        for domain in domains:
            if domain.ssl_enabled != _has_certificate(domain, names):
                await self._keep(domain.id, names)
        if certificates != self._known or self._is_time_for(domains, names, now):
            await self._routing.publish()
            self._known, self._next_time = certificates, now + _ASKED_AGAIN

    def _is_time_for(
        self, domains: Collection[CustomDomain], names: Collection[str], now: datetime
    ) -> bool:
        is_wanted = any(d.wants_certificate and not _has_certificate(d, names) for d in domains)
        is_first = self._next_time is None
        has_time_come = is_first or has_come(self._next_time, now=now, longest=_ASKED_AGAIN)
        return is_wanted and has_time_come

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
