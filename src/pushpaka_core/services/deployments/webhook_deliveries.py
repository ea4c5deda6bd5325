"""Webhook deliveries: authenticates, deduplicates and processes their events."""

from collections.abc import Sequence
from typing import TypeGuard

from attrs import frozen

from pushpaka_core.domain.accounts.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.deployments.deployments import Deployment, DeploymentKind, NewDeployment
from pushpaka_core.domain.deployments.state_machine import (
    QUEUED_OR_IN_PROGRESS,
    SERVING,
    DeploymentStatus,
)
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.integrations.git_providers.events import IgnoredEvent
from pushpaka_core.domain.integrations.git_providers.github import GITHUB
from pushpaka_core.domain.integrations.git_providers.provider_apis import Headers, WebhookMessage
from pushpaka_core.domain.integrations.image_pushes import DeployImage
from pushpaka_core.domain.integrations.webhooks import (
    DeployCommit,
    StopPreview,
    Webhook,
    WebhookAction,
    WebhookDelivery,
    WebhookId,
    actions_for,
)
from pushpaka_core.domain.projects.images import ImageReference
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.errors import NotAllowedError, NotAuthenticatedError, NotFoundError
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.accounts.permissions import get_entity, get_project
from pushpaka_core.services.deployments.idempotency import DeploymentRequest
from pushpaka_core.services.deployments.previews import PreviewLimits
from pushpaka_core.services.deployments.queueing import DeploymentEnqueuer
from pushpaka_core.services.disk_reserve import DiskReserve

_ACTIVE_STATUSES = QUEUED_OR_IN_PROGRESS | SERVING
_DUPLICATE_MESSAGE = (
    "This delivery was already received, so nothing was deployed. To deploy it now, deploy the "
    "project manually."
)
_INVALID_SIGNATURE = (
    "The webhook signature is invalid. Check the URL and the secret in the webhook settings of the "
    "Git provider or registry."
)


@frozen(kw_only=True)
class DeliveryResult:
    """The result of a delivery."""

    message: str
    """One or more sentences, which the Git provider shows in its list of deliveries."""
    changed: Sequence[Deployment] = ()
    """The deployments that were created, superseded or stopped."""

    @property
    def deployment_ids(self) -> Sequence[DeploymentId]:
        """Return the ids of the deployments that were created."""
        return [d.id for d in self.changed if d.status is DeploymentStatus.QUEUED]


@frozen(kw_only=True)
class _ActiveWebhook:
    """A webhook that may deploy, and the project owner that it acts for."""

    webhook: Webhook
    owner: Actor


@frozen(kw_only=True)
class DeliveryService:
    """Deploys on push: processes webhook deliveries on behalf of the project owner."""

    _storage: Storage
    _cipher: SecretCipher
    _enqueuer: DeploymentEnqueuer
    _preview_limits: PreviewLimits
    _disk_reserve: DiskReserve
    _now: Clock

    async def receive(
        self, id: WebhookId, headers: Headers, body: bytes, *, url_secret: str = ""
    ) -> DeliveryResult:
        """
        Process a delivery to the webhook *id*. A repeated delivery has no effect.

        Args:
            id: The id in the URL of the webhook.
            headers: The request headers, by lowercase name.
            body: The raw body, which the signature covers.
            url_secret: The secret in the URL, which authenticates registries.

        Raises:
            NotAuthenticatedError: If the signature is invalid or the webhook does not exist. The
                two cases are indistinguishable to the caller.
            InvalidInputError: If the body is signed, but not in the documented format.
            UnavailableError: If the disk is nearly full.
        """
        hook = await self._authenticate(id, headers, body, url_secret)
        await self._disk_reserve.require_free()
        message = hook.webhook.provider_api.message(headers, body)
        delivery = WebhookDelivery.of(id, body, self._now())
        try:
            receipt = await self._process_once(hook, delivery, message)
        except NotAllowedError:  # The project got a new owner in the meantime.
            hook = await self._authenticate(id, headers, body, url_secret)
            receipt = await self._process_once(hook, delivery, message)
        if receipt.changed:
            await self._enqueuer.publish(receipt.changed)
        return receipt

    async def _authenticate(
        self, id: WebhookId, headers: Headers, body: bytes, url_secret: str
    ) -> _ActiveWebhook:
        hook = await self._find_active(id)
        if not self._is_authentic(hook, headers, body, url_secret):
            raise NotAuthenticatedError(_INVALID_SIGNATURE)
        return hook

    async def _find_active(self, id: WebhookId) -> _ActiveWebhook | None:
        async with self._storage.snapshot() as uow:
            try:
                webhook = await uow.webhooks.visible_to(PLATFORM).get(id)
            except NotFoundError:
                return None
            project = await uow.projects.visible_to(PLATFORM).get(webhook.project_id)
            owner = await uow.users.get(project.user_id)
        if project.deleted_at is not None or owner.disabled_at is not None:
            return None
        return _ActiveWebhook(webhook=webhook, owner=Actor.from_user(owner, Scope.DEPLOY))

    def _is_authentic(
        self, active_webhook: _ActiveWebhook | None, headers: Headers, body: bytes, url_secret: str
    ) -> TypeGuard[_ActiveWebhook]:
        """
        Return True if the signature of a delivery is valid.

        A signature is also computed if the webhook does not exist, so that the response time does
        not reveal this.
        """
        if active_webhook is None:
            GITHUB.is_authentic(headers, body, "nobody's")
            return False
        webhook = active_webhook.webhook
        secret = self._cipher.decrypt(webhook.secret, context=webhook.secret_context)
        return webhook.provider_api.is_authentic(headers, body, secret, url_secret=url_secret)

    async def _process_once(
        self, active_webhook: _ActiveWebhook, delivery: WebhookDelivery, message: WebhookMessage
    ) -> DeliveryResult:
        async with self._storage.transaction() as uow:
            # Reading the project locks its row, so deliveries to one project are serialized.
            owner, found = active_webhook.owner, active_webhook.webhook
            project = await get_project(uow, owner, found.project_id, ProjectRole.OWNER)
            webhook = await get_entity(uow, owner, uow.webhooks, found.id, ProjectRole.OWNER)
            if await uow.webhooks.has_delivery(delivery):
                return DeliveryResult(message=_DUPLICATE_MESSAGE)
            consequence_handler = _ConsequenceHandler(
                uow, owner, project, self._enqueuer, self._preview_limits
            )
            actions = actions_for(message, webhook, project)
            receipts = [await consequence_handler.handle(consequence) for consequence in actions]
            if not message.has_no_effect:
                # Record ignored deliveries too: repeated after auto_deploy is turned on, or by an
                # attacker, they would deploy an old commit.
                await uow.webhooks.record_delivery(delivery)
        moved = [deployment for receipt in receipts for deployment in receipt.changed]
        return DeliveryResult(
            message=" ".join(receipt.message for receipt in receipts), changed=moved
        )


@frozen
class _ConsequenceHandler:
    """Carries out the actions of one webhook delivery in one transaction."""

    _uow: UnitOfWork
    _owner: Actor
    _project: Project
    _enqueuer: DeploymentEnqueuer
    _preview_limits: PreviewLimits

    async def handle(self, consequence: WebhookAction) -> DeliveryResult:
        """Carry out *consequence*: deploy, stop a preview or do nothing. Return the result."""
        match consequence:
            case IgnoredEvent(reason=reason):
                return DeliveryResult(message=reason)
            case StopPreview(target=target):
                return await self._end_preview(target)
            case DeployImage(image=image):
                against = await self._reason_stopped(PRODUCTION)
                return DeliveryResult(message=against) if against else await self._pull(image)
            case DeployCommit() as wanted:
                against = await self._reason_to_skip(wanted)
                return DeliveryResult(message=against) if against else await self._deploy(wanted)

    async def _end_preview(self, name: str) -> DeliveryResult:
        cause = "The branch was deleted, or the pull request was closed"
        ended = await self._preview_limits.end(self._uow, self._owner, self._project, name, cause)
        message = f"Stopped {name}." if ended else f"There is no {name} to stop."
        return DeliveryResult(message=message, changed=ended)

    async def _deploy(self, action: DeployCommit) -> DeliveryResult:
        new = NewDeployment(
            project_id=self._project.id,
            branch=action.branch,
            commit_sha=action.commit_sha,
            target=action.target,
        )
        return await self._queue(new, f"{action.commit_sha} of {action.branch}")

    async def _pull(self, image: ImageReference) -> DeliveryResult:
        new = NewDeployment(project_id=self._project.id, image=str(image))
        return await self._queue(new, str(image))

    async def _queue(self, new: NewDeployment, source: str) -> DeliveryResult:
        request = DeploymentRequest.of(self._owner, None, DeploymentKind.DEPLOY)
        moved = await self._enqueuer.queue_source(
            self._uow, self._owner, request, new, self._project, cause="Requested by a push"
        )
        return DeliveryResult(message=f"Deploying {source} to {new.target}.", changed=moved)

    async def _reason_stopped(self, name: str) -> str | None:
        target = await self._uow.targets.find(self._project, name)
        if target is not None and target.stopped_at is not None:
            return f"{name} is stopped and ignores pushes. Deploy it manually to start it."
        return None

    async def _reason_to_skip(self, action: DeployCommit) -> str | None:
        """Return why the commit must not be deployed now, as a message for users, or None."""
        if stopped := await self._reason_stopped(action.target):
            return stopped
        if action.target != PRODUCTION and await self._is_already_deployed(action):
            return f"{action.commit_sha} is already deployed to {action.target}."
        targets = self._uow.targets
        served = await targets.find(self._project, action.target) or await targets.find(
            self._project, PRODUCTION
        )
        if served is not None and not action.is_watched(
            await self._watch_paths_of(served.deployment_id)
        ):
            return "No changed file matches watch_paths, so nothing was deployed."
        return None

    async def _is_already_deployed(self, action: DeployCommit) -> bool:
        """
        Return True if the commit is deployed or being deployed, because an earlier event reported
        it.
        """
        newest = await self._uow.deployments.list_latest([self._project], action.target)
        return any(
            (each.commit_sha or "").startswith(action.commit_sha)
            and each.status in _ACTIVE_STATUSES
            and each.drain_until is None
            for each in newest
        )

    async def _watch_paths_of(self, id: DeploymentId) -> Sequence[str]:
        """
        Return the watch paths of the release of deployment *id*.

        They stand in for those of the new commit, which are not known before it is fetched.
        """
        uow = self._uow
        deployment = await get_entity(uow, self._owner, uow.deployments, id, ProjectRole.OWNER)
        release = await uow.releases.of_deployment(deployment)
        return release.plan.settings.watch_paths if release else ()
