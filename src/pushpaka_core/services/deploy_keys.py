"""Deploy keys: made, shown by their public half and taken away by the owner of a project."""

from attrs import frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.deploy_keys import DeployKey
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.security import Cipher, KeyMaker
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.roles import project_for


@frozen(kw_only=True)
class DeployKeyService:
    """Keeps an ssh key pair for each project that wants one; the private half stays here."""

    _storage: Storage
    _cipher: Cipher
    _key_maker: KeyMaker
    _journal: Journal
    _now: Clock

    async def make(self, actor: Actor, id: ProjectId) -> DeployKey:
        """Make a key for a project; one that it had opens nothing from the next fetch on."""
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, id, ProjectRole.OWNER)
            pair = self._key_maker.make(f"pushpaka:{project.slug}")
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
            await self._journal.note(uow, actor, action, id, key.fingerprint)
        return key

    async def get(self, actor: Actor, id: ProjectId) -> DeployKey:
        """Return the key of a project; NotFoundError where it has none."""
        async with self._storage.snapshot() as uow:
            return await self._its_key(uow, actor, id, ProjectRole.VIEWER)

    async def delete(self, actor: Actor, id: ProjectId) -> None:
        """Take the key of a project away; NotFoundError where it has none."""
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            key = await self._its_key(uow, actor, id, ProjectRole.OWNER)
            await uow.deploy_keys.remove(key)
            await self._journal.note(uow, actor, "deploy_key.removed", id, key.fingerprint)

    async def _its_key(
        self, uow: UnitOfWork, actor: Actor, id: ProjectId, role: ProjectRole
    ) -> DeployKey:
        project = await project_for(uow, actor, id, role)
        key = await uow.deploy_keys.find(project)
        if key is None:
            raise NotFoundError("deploy key")
        return key
