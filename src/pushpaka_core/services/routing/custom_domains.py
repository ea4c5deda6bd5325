"""Custom domains: add, verify with a DNS record, list and remove them."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.routing.custom_domains import (
    CustomDomain,
    CustomDomainId,
    HostRecords,
    NewCustomDomain,
    Reachability,
    normalize_domain,
)
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.accounts.permissions import get_entity, get_project
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.routing.domain_checks import DomainVerifier


@frozen(kw_only=True)
class CustomDomainService:
    """Manages custom domains. A domain is routed only once its ownership is verified."""

    _storage: Storage
    _audit_log: AuditLog
    _verifier: DomainVerifier
    _public_urls: PublicUrls
    _now: Clock
    _new_id: IdGenerator
    _quotas: Quotas = field(factory=Quotas)

    async def add(self, actor: Actor, new_domain: NewCustomDomain) -> CustomDomain:
        """
        Add a domain to a project. It stays unverified until its TXT record is found.

        Raises:
            InvalidInputError: If the domain belongs to the platform itself.
            NotFoundError: If the actor cannot see the project.
            NotAllowedError: If the actor is not the owner, or their token lacks the scope "full".
            DuplicateError: If the project already has the domain, or another project has verified
                it.
            QuotaReachedError: If the owner already has the maximum number of domains.
        """
        actor.require_scope(Scope.FULL)
        name = normalize_domain(new_domain.domain)
        if problems := self.validate({"domain": name}):
            raise InvalidInputError(problems)
        now = self._now()
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, new_domain.project_id, ProjectRole.OWNER)
            self._quotas.require_domain_quota(await uow.users.quota_usage(project.user_id))
            domain = CustomDomain(
                id=CustomDomainId(self._new_id()),
                project_id=project.id,
                user_id=project.user_id,
                domain=name,
                challenge=self._new_id().hex,
                reachability=Reachability(
                    expected=HostRecords(cname=self._public_urls.project_host(project.slug))
                ),
                created_at=now,
                updated_at=now,
            )
            await uow.custom_domains.add(domain)
            await self._audit_log.record(uow, actor, "domain.added", domain.id, name)
        return domain

    def validate(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the validation errors for *values*, by field."""
        name = normalize_domain(values.get("domain", ""))
        if self._public_urls.is_reserved(name):
            return {"domain": "must not be an address of this platform"}
        return {}

    async def all(self, actor: Actor) -> Sequence[CustomDomain]:
        """Return the domains of all projects that the actor can see, newest first."""
        async with self._storage.snapshot() as uow:
            return await uow.custom_domains.visible_to(actor).all()

    async def verify(self, actor: Actor, id: CustomDomainId) -> CustomDomain:
        """
        Look up the TXT record of a domain now, and return the updated domain.

        A missing or wrong record is not an error: see `status` and `reason` of the result.

        Raises:
            NotFoundError: If the actor cannot see the domain.
            NotAllowedError: If the actor is not the owner, or their token lacks the scope "full".
            DuplicateError: If the record is correct, but another project has already verified the
                domain.
        """
        actor.require_scope(Scope.FULL)
        return await self._verifier.check(actor, id)

    async def delete(self, actor: Actor, id: CustomDomainId) -> None:
        """
        Remove a domain, so that anyone can claim it.

        Raises:
            NotFoundError: If the actor cannot see the domain.
            NotAllowedError: If the actor is not the owner, or their token lacks the scope "full".
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            domain = await get_entity(uow, actor, uow.custom_domains, id, ProjectRole.OWNER)
            await uow.custom_domains.remove(domain)
            await self._audit_log.record(uow, actor, "domain.removed", id, domain.domain)
