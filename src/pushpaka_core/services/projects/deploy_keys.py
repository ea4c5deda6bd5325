"""Deploy keys: SSH key pairs that give access to private repositories."""

from attrs import frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.deploy_keys import DeployKey
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.security import KeyPairGenerator, SecretCipher
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.accounts.permissions import get_project
from pushpaka_core.services.audit_log import AuditLog


@frozen(kw_only=True)
class DeployKeyService:
    """Creates and deletes the deploy key of a project. Its private key is never returned."""

    _storage: Storage
    _cipher: SecretCipher
    _key_pair_generator: KeyPairGenerator
    _audit_log: AuditLog
    _now: Clock

    async def create(self, actor: Actor, id: ProjectId) -> DeployKey:
        """
        Create a key pair for a project. It replaces the previous key pair, starting with the next
        fetch.

        Raises:
            NotFoundError: If the actor cannot see the project.
            NotAllowedError: If the actor is not the owner, or their token lacks the scope "full".
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, id, ProjectRole.OWNER)
            pair = self._key_pair_generator.generate(f"pushpaka:{project.slug}")
            key = DeployKey(
                project_id=id,
                public_key=pair.public_key,
                private_key=self._cipher.encrypt(
                    pair.private_key, context=DeployKey.context_of(id)
                ),
                created_at=self._now(),
            )
            is_another = await uow.deploy_keys.find(project) is not None
            await uow.deploy_keys.put(key)
            action = "deploy_key.rotated" if is_another else "deploy_key.added"
            await self._audit_log.record(uow, actor, action, id, key.fingerprint)
        return key

    async def get(self, actor: Actor, id: ProjectId) -> DeployKey:
        """
        Return the deploy key of a project.

        Raises:
            NotFoundError: If the project has no deploy key, or the actor cannot see the project.
        """
        async with self._storage.snapshot() as uow:
            return await self._get_key(uow, actor, id, ProjectRole.VIEWER)

    async def delete(self, actor: Actor, id: ProjectId) -> None:
        """
        Delete the deploy key of a project.

        Raises:
            NotFoundError: If the project has no deploy key, or the actor cannot see the project.
            NotAllowedError: If the actor is not the owner, or their token lacks the scope "full".
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            key = await self._get_key(uow, actor, id, ProjectRole.OWNER)
            await uow.deploy_keys.remove(key)
            await self._audit_log.record(uow, actor, "deploy_key.removed", id, key.fingerprint)

    async def _get_key(
        self, uow: UnitOfWork, actor: Actor, id: ProjectId, role: ProjectRole
    ) -> DeployKey:
        project = await get_project(uow, actor, id, role)
        key = await uow.deploy_keys.find(project)
        if key is None:
            raise NotFoundError("deploy key")
        return key
