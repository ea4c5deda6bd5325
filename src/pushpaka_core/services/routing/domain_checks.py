"""Verifies the ownership of custom domains with DNS lookups, and repeats them regularly."""

from contextlib import suppress
from datetime import datetime
from functools import partial

from attrs import evolve, frozen

from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.routing.custom_domains import (
    CustomDomain,
    CustomDomainId,
    DomainObservation,
    Reachability,
)
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.errors import DnsLookupError, DuplicateError, NotFoundError
from pushpaka_core.ports.outbound import DnsResolver
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.accounts.permissions import get_entity
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.concurrency import run_all

_BATCH_SIZE = 20
_TAKEN_MESSAGE = "Another project has already verified this domain. Remove it there first."


@frozen
class DomainVerifier:
    """
    Looks up the DNS records of custom domains and stores the results.

    Lookups run outside of transactions, and may run twice, even concurrently in two processes. If
    two claims of a domain pass, the one that is committed first gets the domain.
    """

    _storage: Storage
    _resolver: DnsResolver
    _audit_log: AuditLog
    _public_urls: PublicUrls
    _now: Clock

    async def check(self, actor: Actor, id: CustomDomainId) -> CustomDomain:
        """
        Look up the records of a domain now, and return the updated domain.

        If the name servers do not respond, only `reason` changes.

        Raises:
            NotFoundError: If the actor cannot see the domain, or it was removed in the meantime.
            NotAllowedError: If the actor is not the owner of its project.
            DuplicateError: If the record is correct, but another project has already verified the
                domain.
        """
        async with self._storage.snapshot() as uow:
            domain = await get_entity(uow, actor, uow.custom_domains, id, ProjectRole.OWNER)
            project = await uow.projects.visible_to(PLATFORM).get(domain.project_id)
        observation = await self._look_up(domain, self._public_urls.project_host(project.slug))
        async with self._storage.transaction() as uow:
            present = await get_entity(uow, actor, uow.custom_domains, id, ProjectRole.OWNER)
            checked = _updated(present, observation, self._now())
            await self._store(uow, actor, present, checked)
        return checked

    async def check_due(self) -> None:
        """Check the domains that are due, longest overdue first, and remove expired claims."""
        now = self._now()
        async with self._storage.snapshot() as uow:
            due = await uow.custom_domains.visible_to(PLATFORM).list_due(now, limit=_BATCH_SIZE)
        await run_all(
            partial(self._expire if domain.has_expired(now) else self._check_unattended, domain.id)
            for domain in due
        )

    async def _look_up(self, domain: CustomDomain, host: str) -> DomainObservation | DnsLookupError:
        try:
            texts = await self._resolver.txt_records(domain.challenge_name)
        except DnsLookupError as error:
            return error
        # Show DNS answers only to owners: this host's name servers may know private names.
        is_owners = domain.is_verified or domain.challenge in texts
        reachability = await self._reachability(domain.domain, host) if is_owners else None
        return DomainObservation(txt_records=texts, reachability=reachability)

    async def _reachability(self, name: str, host: str) -> Reachability | None:
        """Return whether visitors of *name* reach this instance, or None if DNS fails."""
        try:
            seen = await self._resolver.host_records(name)
            expected = await self._resolver.host_records(host)
        except DnsLookupError:
            return None
        return Reachability(seen=seen, expected=evolve(expected, cname=host))

    async def _check_unattended(self, id: CustomDomainId) -> None:
        with suppress(NotFoundError):  # The domain was removed in the meantime.
            try:
                await self.check(PLATFORM, id)
            except DuplicateError:
                await self._store_taken_domain(id)

    async def _store_taken_domain(self, id: CustomDomainId) -> None:
        async with self._storage.transaction() as uow:
            domain = await uow.custom_domains.visible_to(PLATFORM).get(id)
            await uow.custom_domains.update(
                domain.after_failed_check(_TAKEN_MESSAGE, now=self._now())
            )

    async def _expire(self, id: CustomDomainId) -> None:
        with suppress(NotFoundError):
            async with self._storage.transaction() as uow:
                domain = await uow.custom_domains.visible_to(PLATFORM).get(id)
                if domain.has_expired(self._now()):
                    await uow.custom_domains.remove(domain)
                    await self._audit_log.record(uow, PLATFORM, "domain.expired", id, domain.domain)

    async def _store(
        self, uow: UnitOfWork, actor: Actor, old_domain: CustomDomain, new_domain: CustomDomain
    ) -> None:
        await uow.custom_domains.update(new_domain)
        if new_domain.is_verified != old_domain.is_verified:
            action = "domain.verified" if new_domain.is_verified else "domain.lapsed"
            await self._audit_log.record(uow, actor, action, new_domain.id, new_domain.domain)


def _updated(
    domain: CustomDomain, observation: DomainObservation | DnsLookupError, now: datetime
) -> CustomDomain:
    if isinstance(observation, DnsLookupError):
        return domain.after_failed_check(str(observation), now=now)
    return domain.after_check(observation, now=now)
