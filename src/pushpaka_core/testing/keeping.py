"""Puts objects into a storage, so that a test can begin."""

from typing import TypeAlias

from pushpaka_core.domain.archives import Archive
from pushpaka_core.domain.audit import AuditEntry
from pushpaka_core.domain.custom_domains import CustomDomain
from pushpaka_core.domain.deploy_keys import DeployKey
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.env_vars import Environment, EnvVar
from pushpaka_core.domain.events import TimelineEvent
from pushpaka_core.domain.instances import Instance
from pushpaka_core.domain.members import Invitation, Member
from pushpaka_core.domain.notifications import Channel
from pushpaka_core.domain.outbox import OutboxMessage
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.releases import Release
from pushpaka_core.domain.targets import Target
from pushpaka_core.domain.tokens import ApiToken, EndedToken
from pushpaka_core.domain.users import User
from pushpaka_core.domain.webhooks import Webhook
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.testing.objects import a_deployment, a_project, a_user

Kept: TypeAlias = (
    User
    | ApiToken
    | EndedToken
    | Project
    | Member
    | Invitation
    | Deployment
    | Archive
    | Target
    | Release
    | Instance
    | EnvVar
    | Environment
    | Channel
    | DeployKey
    | CustomDomain
    | Webhook
    | OutboxMessage
    | AuditEntry
    | TimelineEvent
)


async def keep(storage: Storage, *objects: Kept) -> None:
    """Keep all *objects* in one transaction, in their order."""
    async with storage.transaction() as uow:
        for each in objects:
            await _keep(uow, each)


async def keep_project(storage: Storage) -> Project:
    """Keep a project with its owner, and return it."""
    owner = a_user()
    project = a_project(owner)
    await keep(storage, owner, project)
    return project


async def keep_deployment(storage: Storage) -> Deployment:
    """Keep a queued deployment with its project and owner, and return it."""
    deployment = a_deployment(await keep_project(storage))
    await keep(storage, deployment)
    return deployment


async def _keep(uow: UnitOfWork, each: Kept) -> None:  # noqa: C901, PLR0912 - one case for each kind
    match each:
        case User():
            await uow.users.add(each)
        case ApiToken():
            await uow.api_tokens.add(each)
        case EndedToken():
            await uow.ended_tokens.put(each)
        case Project():
            await uow.projects.add(each)
        case Member():
            await uow.members.put(each)
        case Invitation():
            await uow.invitations.add(each)
        case Deployment():
            await uow.deployments.add(each)
        case Archive():
            await uow.archives.add(each)
        case Target():
            await uow.targets.put(each)
        case Release():
            await uow.releases.add(each)
        case Instance():
            await uow.instances.add(each)
        case EnvVar():
            await uow.env_vars.put(each)
        case Environment():
            await uow.env_vars.freeze(each)
        case Channel():
            await uow.channels.add(each)
        case DeployKey():
            await uow.deploy_keys.put(each)
        case CustomDomain():
            await uow.custom_domains.add(each)
        case Webhook():
            await uow.webhooks.put(each)
        case OutboxMessage():
            await uow.outbox.add(each)
        case AuditEntry():
            await uow.audit.add(each)
        case TimelineEvent():
            await uow.timeline.add(each)
