"""Webhooks: create them, rotate their secrets and delete them."""

from collections.abc import Sequence

from attrs import evolve, field, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.integrations.webhooks import MAX_WEBHOOKS, NewWebhook, Webhook, WebhookId
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import ConflictError
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.accounts.api_tokens import new_secret
from pushpaka_core.services.accounts.permissions import get_entity, get_project
from pushpaka_core.services.audit_log import AuditLog


@frozen(kw_only=True)
class IssuedWebhook:
    """A webhook with its secret."""

    webhook: Webhook
    secret: str = field(repr=False)
    """The secret, which is shown only once."""


@frozen(kw_only=True)
class WebhookService:
    """Manages the webhooks that Git providers and registries call. Each has its own secret."""

    _storage: Storage
    _cipher: SecretCipher
    _audit_log: AuditLog
    _now: Clock
    _new_id: IdGenerator

    async def add(self, actor: Actor, new: NewWebhook) -> IssuedWebhook:
        """
        Create a webhook.

        Raises:
            ConflictError: If the project has no Git repository or image, or the maximum number of
                webhooks.
            NotFoundError: If *actor* cannot view the project.
            NotAllowedError: If *actor* is not the owner of the project.
        """
        actor.require_scope(Scope.FULL)
        webhook_id, secret = WebhookId(self._new_id()), new_secret(self._new_id)
        now = self._now()
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, new.project_id, ProjectRole.OWNER)
            if not project.has_repository and project.image is None:
                raise ConflictError(
                    "The project has no Git repository or image. Set its repo_url before you add a "
                    "webhook."
                )
            if len(await uow.webhooks.visible_to(actor).of_project(project.id)) >= MAX_WEBHOOKS:
                raise ConflictError(
                    f"The project has reached the maximum of {MAX_WEBHOOKS} webhooks. "
                    "Delete one of them first."
                )
            webhook = Webhook(
                id=webhook_id,
                project_id=project.id,
                provider=new.provider,
                previews=new.previews,
                forks=new.forks,
                tags=new.tags,
                secret=self._encrypt(webhook_id, secret),
                created_at=now,
                updated_at=now,
            )
            await uow.webhooks.add(webhook)
            await self._audit_log.record(uow, actor, "webhook.added", webhook_id, project.name)
        return IssuedWebhook(webhook=webhook, secret=secret)

    async def rotate(self, actor: Actor, id: WebhookId) -> IssuedWebhook:
        """
        Replace the secret of a webhook. Deliveries signed with the old secret are rejected from
        then on.

        Raises:
            NotFoundError: If there is no such webhook for *actor*.
        """
        actor.require_scope(Scope.FULL)
        secret = new_secret(self._new_id)
        async with self._storage.transaction() as uow:
            present = await get_entity(uow, actor, uow.webhooks, id, ProjectRole.OWNER)
            webhook = evolve(present, secret=self._encrypt(id, secret), updated_at=self._now())
            await uow.webhooks.update(webhook)
            await self._audit_log.record(uow, actor, "webhook.rotated", id)
        return IssuedWebhook(webhook=webhook, secret=secret)

    async def all(self, actor: Actor) -> Sequence[Webhook]:
        """Return the webhooks of all projects of *actor*, newest first."""
        async with self._storage.snapshot() as uow:
            return await uow.webhooks.visible_to(actor).all()

    async def delete(self, actor: Actor, id: WebhookId) -> None:
        """
        Delete a webhook. Deliveries to it are rejected from then on.

        Raises:
            NotFoundError: If there is no such webhook for *actor*.
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            webhook = await get_entity(uow, actor, uow.webhooks, id, ProjectRole.OWNER)
            await uow.webhooks.remove(webhook)
            await self._audit_log.record(uow, actor, "webhook.removed", id)

    def _encrypt(self, id: WebhookId, secret: str) -> Encrypted:
        return self._cipher.encrypt(secret, context=Webhook.context_of(id))
