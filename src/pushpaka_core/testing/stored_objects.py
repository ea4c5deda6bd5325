"""Functions that store objects to set up a test."""

from typing import TypeAlias

from pushpaka_core.domain.accounts.members import Member
from pushpaka_core.domain.accounts.tokens import ApiToken, RevokedToken
from pushpaka_core.domain.accounts.users import User
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.releases import Release
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.integrations.outbox import OutboxMessage
from pushpaka_core.domain.logs.events import TimelineEvent
from pushpaka_core.domain.platform.audit import AuditEntry
from pushpaka_core.domain.projects.archives import Archive
from pushpaka_core.domain.projects.deploy_keys import DeployKey
from pushpaka_core.domain.projects.entities import ProjectEntity
from pushpaka_core.domain.projects.env_vars import Environment, EnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.routing.custom_domains import CustomDomain
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment
from pushpaka_core.testing.objects.integrations import an_outbox_message
from pushpaka_core.testing.objects.projects import (
    ENTITIES,
    a_custom_domain,
    a_deploy_key,
    a_project,
    an_env_var,
)

StorableObject: TypeAlias = (
    User
    | ApiToken
    | RevokedToken
    | Project
    | Member
    | Deployment
    | Archive
    | Target
    | Release
    | Instance
    | EnvVar
    | Environment
    | DeployKey
    | CustomDomain
    | Volume
    | Snapshot
    | OutboxMessage
    | AuditEntry
    | TimelineEvent
    | ProjectEntity
)
"""The objects that `store` can store."""


def parts_of(project: Project) -> list[StorableObject]:
    """
    Return an object of each kind that belongs to *project*.

    Deployments, members and archives are omitted, because they need other objects as well. Tests
    check that each part needs a stored project, is deleted with it, and is exported.
    """
    return [
        *(create(project) for create in ENTITIES.values()),
        an_env_var(project),
        a_deploy_key(project),
        a_custom_domain(project),
        an_outbox_message(project),
    ]


async def store(storage: Storage, *objects: StorableObject) -> None:
    """Store *objects* in the given order, in one transaction."""
    async with storage.transaction() as uow:
        for each in objects:
            await _store(uow, each)


async def store_project(storage: Storage) -> Project:
    """Store a project and its owner, and return the project."""
    owner = a_user()
    project = a_project(owner)
    await store(storage, owner, project)
    return project


async def store_deployment(storage: Storage) -> Deployment:
    """Store a queued deployment with its project and owner, and return the deployment."""
    deployment = a_deployment(await store_project(storage))
    await store(storage, deployment)
    return deployment


async def _store(uow: UnitOfWork, storable_object: StorableObject) -> None:  # noqa: C901, PLR0912 - one case for each kind
    match storable_object:
        case User():
            await uow.users.add(storable_object)
        case ApiToken():
            await uow.api_tokens.add(storable_object)
        case RevokedToken():
            await uow.revoked_tokens.put(storable_object)
        case Project():
            await uow.projects.add(storable_object)
        case Member():
            await uow.members.put(storable_object)
        case Deployment():
            await uow.deployments.add(storable_object)
        case Archive():
            await uow.archives.add(storable_object)
        case Target():
            await uow.targets.put(storable_object)
        case Release():
            await uow.releases.add(storable_object)
        case Instance():
            await uow.instances.add(storable_object)
        case EnvVar():
            await uow.env_vars.put(storable_object)
        case Environment():
            await uow.env_vars.put_environment(storable_object)
        case DeployKey():
            await uow.deploy_keys.put(storable_object)
        case CustomDomain():
            await uow.custom_domains.add(storable_object)
        case Volume():
            await uow.volumes.add(storable_object)
        case Snapshot():
            await uow.snapshots.add(storable_object)
        case OutboxMessage():
            await uow.outbox.add(storable_object)
        case AuditEntry():
            await uow.audit_entries.add(storable_object)
        case TimelineEvent():
            await uow.timeline_events.add(storable_object)
        case _:
            entity_types = {entity_type.entity: entity_type for entity_type in ENTITIES}
            await uow.entities(entity_types[type(storable_object)]).add(storable_object)
