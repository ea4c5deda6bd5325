"""Webhooks: made, given a new secret and taken away by the owner of a project."""

from collections.abc import Sequence

from attrs import evolve, field, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.webhooks import NewWebhook, Webhook, WebhookId
from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.new_secrets import new_secret
from pushpaka_core.services.roles import part_for, project_for


@frozen(kw_only=True)
class IssuedWebhook:
    """A webhook with its secret, which is shown this once."""

    webhook: Webhook
    secret: str = field(repr=False)


@frozen(kw_only=True)
class WebhookService:
    """Keeps the addresses that forges are given, each with a secret of its own."""

    _storage: Storage
    _cipher: Cipher
    _journal: Journal
    _now: Clock
    _new_id: IdGenerator

    async def add(self, actor: Actor, new: NewWebhook) -> IssuedWebhook:
        """Make a webhook for a project; NotFoundError, ConflictError where it has no repository."""
        actor.require_scope(Scope.FULL)
        webhook_id, secret = WebhookId(self._new_id()), new_secret(self._new_id)
        now = self._now()
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, new.project_id, ProjectRole.OWNER)
            if not project.has_repository:
                raise ConflictError(
                    "The project has no Git repository that a webhook could tell of. Set its "
                    "repo_url first."
                )
            webhook = Webhook(
                id=webhook_id,
                project_id=project.id,
                provider=new.provider,
                previews=new.previews,
                forks=new.forks,
                secret=self._sealed(webhook_id, secret),
                created_at=now,
                updated_at=now,
            )
            await uow.webhooks.put(webhook)
            await self._journal.note(uow, actor, "webhook.added", webhook_id, project.name)
        return IssuedWebhook(webhook=webhook, secret=secret)

    async def rotate(self, actor: Actor, id: WebhookId) -> IssuedWebhook:
        """Give a webhook a new secret; what is signed with the old one is refused from now on."""
        actor.require_scope(Scope.FULL)
        secret = new_secret(self._new_id)
        async with self._storage.transaction() as uow:
            present = await part_for(uow, actor, uow.webhooks, id, ProjectRole.OWNER)
            webhook = evolve(present, secret=self._sealed(id, secret), updated_at=self._now())
            await uow.webhooks.put(webhook)
            await self._journal.note(uow, actor, "webhook.rotated", id)
        return IssuedWebhook(webhook=webhook, secret=secret)

    async def all(self, actor: Actor) -> Sequence[Webhook]:
        """Return the actor's webhooks, the newest first."""
        async with self._storage.snapshot() as uow:
            return await uow.webhooks.visible_to(actor).all()

    async def delete(self, actor: Actor, id: WebhookId) -> None:
        """Take a webhook away, and hear nothing by it any more; NotFoundError."""
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            webhook = await part_for(uow, actor, uow.webhooks, id, ProjectRole.OWNER)
            await uow.webhooks.remove(webhook)
            await self._journal.note(uow, actor, "webhook.removed", id)

    def _sealed(self, id: WebhookId, secret: str) -> Encrypted:
        return self._cipher.encrypt(secret, context=Webhook.context_of(id))
