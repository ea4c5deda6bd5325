"""Custom domains: claimed for a project by its owner, proven, and given up again."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.custom_domains import (
    CustomDomain,
    CustomDomainId,
    HostRecords,
    NewCustomDomain,
    Reachability,
    normal_domain,
)
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.domain_checks import DomainChecks
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.roles import part_for, project_for


@frozen(kw_only=True)
class CustomDomainService:
    """Keeps the domains that owners bring along; a claim alone routes nothing."""

    _storage: Storage
    _journal: Journal
    _checks: DomainChecks
    _addresses: Addresses
    _now: Clock
    _new_id: IdGenerator
    _quotas: Quotas = field(factory=Quotas)

    async def add(self, actor: Actor, new: NewCustomDomain) -> CustomDomain:
        """
        Claim a domain for a project, with a challenge that only its owner can answer.

        Raises:
            InvalidInputError: If the domain is the platform's own.
            DuplicateError: If the project has it, or somebody has proven that it is theirs.
            QuotaReachedError: If the owner has as many domains as one may have.
        """
        actor.require_scope(Scope.FULL)
        name = normal_domain(new.domain)
        if problems := self.problems_in({"domain": name}):
            raise InvalidInputError(problems)
        now = self._now()
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, new.project_id, ProjectRole.OWNER)
            self._quotas.check_domain(await uow.users.holding(project.user_id))
            domain = CustomDomain(
                id=CustomDomainId(self._new_id()),
                project_id=project.id,
                user_id=project.user_id,
                domain=name,
                challenge=self._new_id().hex,
                reachability=Reachability(
                    expected=HostRecords(cname=self._addresses.project_host(project.slug))
                ),
                created_at=now,
                updated_at=now,
            )
            await uow.custom_domains.add(domain)
            await self._journal.note(uow, actor, "domain.added", domain.id, name)
        return domain

    def problems_in(self, given: Mapping[str, Any]) -> dict[str, str]:
        """Return what this instance has against *given* (well-typed, by name), by name."""
        name = normal_domain(given.get("domain", ""))
        if self._addresses.is_reserved(name):
            return {"domain": "must not be an address of this platform"}
        return {}

    async def all(self, actor: Actor) -> Sequence[CustomDomain]:
        """Return the actor's domains, the newest first."""
        async with self._storage.snapshot() as uow:
            return await uow.custom_domains.visible_to(actor).all()

    async def verify(self, actor: Actor, id: CustomDomainId) -> CustomDomain:
        """
        Look now whether its TXT record proves a domain, and return what it is then.

        Raises:
            DuplicateError: If somebody else has proven that it is theirs.
            NotFoundError: If there is none.
        """
        actor.require_scope(Scope.FULL)
        return await self._checks.check(actor, id)

    async def delete(self, actor: Actor, id: CustomDomainId) -> None:
        """Give a domain up, so that anybody may claim it; NotFoundError."""
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            domain = await part_for(uow, actor, uow.custom_domains, id, ProjectRole.OWNER)
            await uow.custom_domains.remove(domain)
            await self._journal.note(uow, actor, "domain.removed", id, domain.domain)
