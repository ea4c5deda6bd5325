"""Deliveries of forges: proven, told apart, and followed."""

from collections.abc import Sequence
from typing import TypeGuard

from attrs import frozen

from pushpaka_core.domain.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.deployment_steps import SERVING, UNDER_WAY, DeploymentStatus
from pushpaka_core.domain.deployments import (
    PRODUCTION,
    Deployment,
    DeploymentId,
    DeploymentKind,
    NewDeployment,
)
from pushpaka_core.domain.forges.dialects import Headers
from pushpaka_core.domain.forges.events import ForgeEvent, Ignored
from pushpaka_core.domain.forges.github import GITHUB
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.webhooks import (
    Deploy,
    EndPreview,
    Webhook,
    WebhookDelivery,
    WebhookId,
    consequence_of,
)
from pushpaka_core.errors import NotAllowedError, NotAuthenticatedError, NotFoundError
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.previews import Previews
from pushpaka_core.services.queueing import Queueing
from pushpaka_core.services.requests import DeploymentRequest
from pushpaka_core.services.roles import part_for, project_for

_ALIVE = UNDER_WAY | SERVING


@frozen(kw_only=True)
class Receipt:
    """What came of a delivery."""

    message: str
    """Sentences for whoever looks at the deliveries."""
    moved: Sequence[Deployment] = ()
    """Deployments that were made by it, or ended."""

    @property
    def deployment_ids(self) -> Sequence[DeploymentId]:
        """Return the deployments that were made."""
        return [d.id for d in self.moved if d.status is DeploymentStatus.QUEUED]


@frozen(kw_only=True)
class _Hook:
    """A webhook that may be listened to, and on whose behalf."""

    webhook: Webhook
    owner: Actor


@frozen(kw_only=True)
class DeliveryService:
    """Lets forges have commits deployed, on behalf of who owns the project."""

    _storage: Storage
    _cipher: Cipher
    _queueing: Queueing
    _previews: Previews
    _now: Clock

    async def receive(self, id: WebhookId, headers: Headers, body: bytes) -> Receipt:
        """
        Do what follows from a delivery to the webhook *id*; nothing when it comes again.

        Args:
            id: What the address names.
            headers: By their names in lower case.
            body: As it came: that is what is signed.

        Raises:
            NotAuthenticatedError: If it is not proven to be of the webhook's forge, or there is
                no such webhook; the two look the same.
            InvalidInputError: If it is proven, and not what the forge documents.
        """
        hook = await self._proven(id, headers, body)
        dialect = hook.webhook.dialect
        events = dialect.events(headers, body)
        delivery = WebhookDelivery(
            webhook_id=id, digest=dialect.delivery(headers, body), received_at=self._now()
        )
        try:
            receipt = await self._follow_once(hook, delivery, events)
        except NotAllowedError:  # The project was handed over in this moment.
            hook = await self._proven(id, headers, body)
            receipt = await self._follow_once(hook, delivery, events)
        if receipt.moved:
            await self._queueing.tell(receipt.moved)
        return receipt

    async def _proven(self, id: WebhookId, headers: Headers, body: bytes) -> _Hook:
        hook = await self._find(id)
        if not self._is_proven(hook, headers, body):
            raise NotAuthenticatedError("This is not signed with the secret of such a webhook.")
        return hook

    async def _find(self, id: WebhookId) -> _Hook | None:
        async with self._storage.snapshot() as uow:
            try:
                webhook = await uow.webhooks.visible_to(PLATFORM).get(id)
            except NotFoundError:
                return None
            project = await uow.projects.visible_to(PLATFORM).get(webhook.project_id)
            owner = await uow.users.get(project.user_id)
        if project.deleted_at is not None or owner.disabled_at is not None:
            return None
        return _Hook(webhook=webhook, owner=Actor.of(owner, Scope.DEPLOY))

    def _is_proven(self, hook: _Hook | None, headers: Headers, body: bytes) -> TypeGuard[_Hook]:
        """Tell whether a delivery is of the webhook's forge; for none it takes as long."""
        if hook is None:
            GITHUB.is_authentic(headers, body, "nobody's")
            return False
        webhook = hook.webhook
        secret = self._cipher.decrypt(webhook.secret, context=webhook.secret_context)
        return webhook.dialect.is_authentic(headers, body, secret)

    async def _follow_once(
        self, hook: _Hook, delivery: WebhookDelivery, events: Sequence[ForgeEvent]
    ) -> Receipt:
        async with self._storage.transaction() as uow:
            # Read first, and so held: deliveries about one project take turns.
            owner, found = hook.owner, hook.webhook
            project = await project_for(uow, owner, found.project_id, ProjectRole.OWNER)
            webhook = await part_for(uow, owner, uow.webhooks, found.id, ProjectRole.OWNER)
            if await uow.webhooks.has(delivery):
                return Receipt(message="This delivery has come before.")
            following = _Following(uow, owner, webhook, project, self._queueing, self._previews)
            receipts = [await following.follow(event) for event in events]
            moved = [deployment for receipt in receipts for deployment in receipt.moved]
            if moved:
                await uow.webhooks.note(delivery)
        return Receipt(message=" ".join(receipt.message for receipt in receipts), moved=moved)


@frozen
class _Following:
    """What is done for one delivery, in one transaction."""

    _uow: UnitOfWork
    _owner: Actor
    _webhook: Webhook
    _project: Project
    _queueing: Queueing
    _previews: Previews

    async def follow(self, event: ForgeEvent) -> Receipt:
        """Do what follows from *event*."""
        match consequence_of(event, self._webhook, self._project):
            case Ignored(reason=reason):
                return Receipt(message=reason)
            case EndPreview(target=target):
                return await self._end(target)
            case Deploy() as wanted:
                against = await self._reason_against(wanted)
                return Receipt(message=against) if against else await self._deploy(wanted)

    async def _end(self, name: str) -> Receipt:
        cause = "Its branch is gone, or its pull request is closed"
        ended = await self._previews.end(self._uow, self._owner, self._project, name, cause)
        return Receipt(
            message=f"{name} has ended." if ended else f"There is no {name}.", moved=ended
        )

    async def _deploy(self, wanted: Deploy) -> Receipt:
        new = NewDeployment(
            project_id=self._project.id,
            branch=wanted.branch,
            commit_sha=wanted.commit_sha,
            target=wanted.target,
        )
        request = DeploymentRequest.of(self._owner, None, DeploymentKind.DEPLOY)
        moved = await self._queueing.begin(
            self._uow, self._owner, request, new, self._project, cause="A push asked for it"
        )
        message = f"{wanted.commit_sha} of {wanted.branch} is deployed to {wanted.target}."
        return Receipt(message=message, moved=moved)

    async def _reason_against(self, wanted: Deploy) -> str | None:
        """Return why the commit is not to be deployed in the present state, or None."""
        target = await self._uow.targets.find(self._project, wanted.target)
        if target is not None and target.stopped_at is not None:
            return f"{wanted.target} is stopped, and ignores pushes until somebody deploys it."
        if wanted.target != PRODUCTION and await self._is_there(wanted):
            return f"{wanted.commit_sha} is deployed to {wanted.target} already."
        served = target or await self._uow.targets.find(self._project, PRODUCTION)
        if served is not None and not wanted.is_watched(await self._watched(served.deployment_id)):
            return "No file was changed that watch_paths names."
        return None

    async def _is_there(self, wanted: Deploy) -> bool:
        """Tell whether a push has brought the commit already that a pull request tells of too."""
        newest = await self._uow.deployments.latest([self._project], wanted.target)
        return any(
            (each.commit_sha or "").startswith(wanted.commit_sha)
            and each.status in _ALIVE
            and each.drain_until is None
            for each in newest
        )

    async def _watched(self, id: DeploymentId) -> Sequence[str]:
        """Return the patterns of the release that is served: the new one is not fetched yet."""
        uow = self._uow
        deployment = await part_for(uow, self._owner, uow.deployments, id, ProjectRole.OWNER)
        release = await uow.releases.of_deployment(deployment)
        return release.plan.settings.watch_paths if release else ()
