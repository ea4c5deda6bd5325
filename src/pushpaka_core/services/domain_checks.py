"""Looks in the DNS whether custom domains belong to who claims them, again and again."""

from contextlib import suppress
from datetime import datetime
from functools import partial

from attrs import evolve, frozen

from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.custom_domains import (
    CustomDomain,
    CustomDomainId,
    DomainSight,
    Reachability,
)
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.errors import DuplicateError, NameLookupError, NotFoundError
from pushpaka_core.ports.dns import Resolver
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.background import together
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.roles import part_for

_AT_ONCE = 20
_TAKEN = "Somebody else has proven that this domain is theirs."


@frozen
class DomainChecks:
    """
    Keeps what the DNS says of custom domains; name servers are asked outside of transactions.

    Every look may happen twice, also at the same time in two processes. Where two claims of
    one domain are proven, the first that is kept has it.
    """

    _storage: Storage
    _resolver: Resolver
    _journal: Journal
    _addresses: Addresses
    _now: Clock

    async def check(self, actor: Actor, id: CustomDomainId) -> CustomDomain:
        """
        Look now, and return the domain as it is then.

        Name servers that do not tell change nothing but the reason.

        Raises:
            DuplicateError: If the claim is proven, and so is that of somebody else.
            NotFoundError: If there is none, or it was removed meanwhile.
        """
        async with self._storage.snapshot() as uow:
            domain = await part_for(uow, actor, uow.custom_domains, id, ProjectRole.OWNER)
            project = await uow.projects.visible_to(PLATFORM).get(domain.project_id)
        sight = await self._look(domain, self._addresses.project_host(project.slug))
        async with self._storage.transaction() as uow:
            present = await part_for(uow, actor, uow.custom_domains, id, ProjectRole.OWNER)
            checked = _after(present, sight, self._now())
            await self._keep(uow, actor, present, checked)
        return checked

    async def check_due(self) -> None:
        """Look at the domains whose time has come, the longest waiting first; end old claims."""
        now = self._now()
        async with self._storage.snapshot() as uow:
            due = await uow.custom_domains.visible_to(PLATFORM).due(now, limit=_AT_ONCE)
        await together(
            partial(self._expire if domain.has_expired(now) else self._check_by_itself, domain.id)
            for domain in due
        )

    async def _look(self, domain: CustomDomain, host: str) -> DomainSight | NameLookupError:
        try:
            texts = await self._resolver.texts(domain.challenge_name)
        except NameLookupError as error:
            return error
        # Strangers are not told what this host's name servers know of a name.
        is_owners = domain.is_verified or domain.challenge in texts
        reachability = await self._reachability(domain.domain, host) if is_owners else None
        return DomainSight(texts=texts, reachability=reachability)

    async def _reachability(self, name: str, host: str) -> Reachability | None:
        """Return where *name* leads; nobody's ownership depends on it."""
        try:
            seen = await self._resolver.host_records(name)
            expected = await self._resolver.host_records(host)
        except NameLookupError:
            return None
        return Reachability(seen=seen, expected=evolve(expected, cname=host))

    async def _check_by_itself(self, id: CustomDomainId) -> None:
        with suppress(NotFoundError):  # Then it was removed meanwhile.
            try:
                await self.check(PLATFORM, id)
            except DuplicateError:
                await self._keep_taken(id)

    async def _keep_taken(self, id: CustomDomainId) -> None:
        async with self._storage.transaction() as uow:
            domain = await uow.custom_domains.visible_to(PLATFORM).get(id)
            await uow.custom_domains.update(domain.unseen(_TAKEN, at=self._now()))

    async def _expire(self, id: CustomDomainId) -> None:
        with suppress(NotFoundError):
            async with self._storage.transaction() as uow:
                domain = await uow.custom_domains.visible_to(PLATFORM).get(id)
                if domain.has_expired(self._now()):
                    await uow.custom_domains.remove(domain)
                    await self._journal.note(uow, PLATFORM, "domain.expired", id, domain.domain)

    async def _keep(
        self, uow: UnitOfWork, actor: Actor, before: CustomDomain, after: CustomDomain
    ) -> None:
        await uow.custom_domains.update(after)
        if after.is_verified != before.is_verified:
            action = "domain.verified" if after.is_verified else "domain.lapsed"
            await self._journal.note(uow, actor, action, after.id, after.domain)


def _after(
    domain: CustomDomain, sight: DomainSight | NameLookupError, at: datetime
) -> CustomDomain:
    if isinstance(sight, NameLookupError):
        return domain.unseen(str(sight), at=at)
    return domain.seen(sight, at=at)
