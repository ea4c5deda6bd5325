"""Redirects visitors of custom domains to HTTPS once the router has a certificate."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import define, evolve, field

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.timeouts import has_passed
from pushpaka_core.domain.routing.custom_domains import CustomDomain, CustomDomainId
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.router import Router
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.routing.routes import RoutePublisher

_FULL_CHECK_INTERVAL = timedelta(hours=1)
"""Interval of the checks that cover all domains, for example to retry after a CA outage."""
_MAX_NAMES = 500
"""If more certificates than this have changed, all domains are checked, not only those affected."""
_OVERLAP = timedelta(minutes=1)
"""The maximum time between the timestamp of a change and its commit."""


@define
class CertificateSync:
    """Records which custom domains have a certificate, and makes the router load new ones."""

    _storage: Storage
    _router: Router
    _route_publisher: RoutePublisher
    _now: Clock
    _certificates: Mapping[str, datetime] = field(factory=dict, init=False)
    _valid_names: Collection[str] = field(factory=frozenset, init=False)
    """The names with a certificate that was valid at the last check."""
    _checked_at: datetime | None = field(default=None, init=False)
    _next_full_check: datetime | None = field(default=None, init=False)

    async def sync(self) -> None:
        """
        Update `ssl_enabled` of the custom domains from the certificates of the router.

        Most calls only check the domains that may have changed; all domains are checked once per
        hour. The router reads certificates, and retries failed orders, when it receives a route
        table. Therefore routes are published again when certificates have changed, and hourly
        while a domain lacks its certificate.

        Raises:
            RouterUnavailableError: If the certificates cannot be read.
        """
        certificates, now = await self._router.certificates(), self._now()
        good = frozenset(name for name, until in certificates.items() if until > now)
        changed = good ^ frozenset(self._valid_names)
        is_full = self._is_full_check_due(now) or _affects_many(changed)
        domains = await (self._all() if is_full else self._changed_domains(changed, now))
        for domain in domains:
            if domain.ssl_enabled != _has_certificate(domain, good):
                await self._store(domain.id, good)
        is_one_without = any(d.needs_certificate and not _has_certificate(d, good) for d in domains)
        if certificates != self._certificates or (is_full and is_one_without):
            await self._route_publisher.publish()
        self._certificates, self._valid_names, self._checked_at = certificates, good, now
        if is_full:
            self._next_full_check = now + _FULL_CHECK_INTERVAL

    def _is_full_check_due(self, now: datetime) -> bool:
        moment = self._next_full_check
        return moment is None or has_passed(moment, now=now, max_distance=_FULL_CHECK_INTERVAL)

    async def _all(self) -> Sequence[CustomDomain]:
        async with self._storage.snapshot() as uow:
            return await uow.custom_domains.visible_to(PLATFORM).all()

    async def _changed_domains(
        self, names: Collection[str], now: datetime
    ) -> Sequence[CustomDomain]:
        """Return verified domains with one of *names*, and domains changed since the last check."""
        since = (self._checked_at or now) - _OVERLAP
        async with self._storage.snapshot() as uow:
            visible = uow.custom_domains.visible_to(PLATFORM)
            named = await visible.list_verified(names) if names else ()
            return [*named, *await visible.list_changed_since(since)]

    async def _store(self, id: CustomDomainId, names: Collection[str]) -> None:
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


def _affects_many(names: Collection[str]) -> bool:
    return len(names) > _MAX_NAMES or any(name.startswith("*.") for name in names)
