"""Databases: create, restart, detach, attach and purge them."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from pushpaka_core.domain.accounts.access import PLATFORM, Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.databases.databases import (
    Database,
    DatabaseAttachment,
    DatabasePurge,
    NewDatabase,
)
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import SERVING
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import database_target
from pushpaka_core.domain.volumes.servers import DatabaseKind, DatabaseServer
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import (
    ConflictError,
    DuplicateError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    PlatformFaultError,
)
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.accounts.api_tokens import new_secret
from pushpaka_core.services.accounts.permissions import get_database_volume, get_project
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.databases.server_files import offered_versions
from pushpaka_core.services.databases.variables import DatabaseVariables
from pushpaka_core.services.deployments.active_deployment_service import ActiveDeploymentService
from pushpaka_core.services.deployments.cancellation import Cancellation
from pushpaka_core.services.deployments.queueing import DeploymentEnqueuer
from pushpaka_core.services.volumes.locking import lock_volume
from pushpaka_core.services.volumes.measurement import VolumeMeter
from pushpaka_core.services.volumes.purge import VolumePurger
from pushpaka_core.services.volumes.usage import attached_volumes, database_ports, require_unused

_MOUNT_PATHS = {Packaging.DIRECTORY: "data", Packaging.IMAGE: "/data"}
"""Where a server finds its files, see `serve.sh`."""


@frozen(kw_only=True)
class DatabaseService:
    """
    Manages databases.

    A database consists of a volume, whose server is deployed to a target of its own, and of an
    environment variable with its URL for the project's production deployments.
    """

    _storage: Storage
    _cipher: SecretCipher
    _variables: DatabaseVariables
    _enqueuer: DeploymentEnqueuer
    _cancellation: Cancellation
    _active_deployments: ActiveDeploymentService
    _meter: VolumeMeter
    _purger: VolumePurger
    _audit_log: AuditLog
    _packaging: Packaging
    _ports: range
    """The ports that servers can use on the host if they do not run in containers."""
    _now: Clock
    _new_id: IdGenerator
    _quotas: Quotas = field(factory=Quotas)

    async def create(self, actor: Actor, new_database: NewDatabase) -> Database:
        """
        Create a database and queue the first deployment of its server.

        Raises:
            InvalidInputError: If this runtime does not offer the version, or the project already
                has a variable with the name of the new one.
            DuplicateError: If the project already has a database of that name.
            NotFoundError: If *actor* cannot view the project.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
            QuotaReachedError: If the owner has the maximum number or size of volumes.
            TooManyRequestsError: If the actor has too many queued deployments.
            PlatformFaultError: If no port is free.
        """
        actor.require_scope(Scope.FULL)
        if problems := self.validate({"kind": new_database.kind, "version": new_database.version}):
            raise InvalidInputError(problems)
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, new_database.project_id, ProjectRole.OWNER)
            volume = await self._new_volume(uow, project, new_database)
            await _require_free_name(uow, project, volume.name)
            self._quotas.require_volume_quota(await uow.users.quota_usage(project.user_id))
            await uow.volumes.add(volume)
            await self._variables.set(uow, actor, project, volume)
            queued = await self._queue_server(uow, actor, project, volume)
            await self._audit_log.record(uow, actor, "database.created", volume.id, volume.name)
        await self._enqueuer.publish(queued)
        return Database.of(volume, newest=queued[0])

    async def all(self, actor: Actor) -> Sequence[Database]:
        """
        Return the databases of all projects that *actor* can view, newest first.

        Detached databases are included, even those of the actor's deleted projects.
        """
        async with self._storage.snapshot() as uow:
            volumes = await uow.volumes.visible_to(actor).all()
            return [await _with_status(uow, volume) for volume in volumes if volume.server]

    async def get(self, actor: Actor, id: VolumeId) -> Database:
        """
        Return a database with the disk space that its files use now.

        Raises:
            NotFoundError: If *actor* cannot view the database.
        """
        async with self._storage.snapshot() as uow:
            database = await _with_status(
                uow, await get_database_volume(uow, actor, id, ProjectRole.VIEWER)
            )
        return evolve(database, volume=await self._meter.measure(database.volume))

    async def restart(self, actor: Actor, id: VolumeId) -> Database:
        """
        Restart the server of a database, or start it again if it is stopped or could not start.

        Raises:
            ConflictError: If the database is detached.
            NotFoundError: If *actor* cannot view the database.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
            TooManyRequestsError: If the actor has too many queued deployments.
        """
        actor.require_scope(Scope.FULL)
        queued: Sequence[Deployment] = ()
        async with lock_volume(self._storage, actor, id, get_database_volume) as (uow, volume):
            if not volume.is_attached or volume.project_id is None:
                raise ConflictError(f'The database "{volume.name}" is detached. Attach it first.')
            project = await get_project(uow, actor, volume.project_id, ProjectRole.OWNER)
            active = await _active_deployment(uow, project, volume)
            is_serving = active is not None and active.status in SERVING and not active.drain_until
            if not is_serving:
                queued = await self._queue_server(uow, actor, project, volume)
        if active is not None and is_serving:
            await self._active_deployments.restart(actor, active.id)
        await self._enqueuer.publish(queued)
        return await self.get(actor, id)

    async def detach(self, actor: Actor, id: VolumeId) -> Database:
        """
        Stop the server of a database, and keep its files for 7 days. Idempotent.

        The environment variable with the URL is deleted, unless its value was changed. Running
        instances of the app lose their connection.

        Raises:
            NotFoundError: If *actor* cannot view the database.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
        """
        actor.require_scope(Scope.FULL)
        ended: Sequence[Deployment] = ()
        async with lock_volume(self._storage, actor, id, get_database_volume) as (uow, volume):
            detached = volume.detach(now=self._now())
            if volume.is_attached and volume.project_id is not None:
                project = await get_project(uow, actor, volume.project_id, ProjectRole.OWNER)
                ended = await self._cancellation.remove_target(
                    uow, actor, project, volume.target, "The database was detached"
                )
                await self._variables.remove(uow, actor, project, volume)
                await uow.volumes.update(detached)
                await self._audit_log.record(uow, actor, "database.detached", id, volume.name)
        await self._enqueuer.publish(ended)
        return Database.of(detached)

    async def attach(self, actor: Actor, id: VolumeId, attachment: DatabaseAttachment) -> Database:
        """
        Attach a detached database to its previous project or another one, and start its server.

        Raises:
            ConflictError: If the database is attached or being deleted, its project was deleted and
                no other is given, or its server is still being stopped.
            InvalidInputError: If the project already has a variable with the name of the new one.
            DuplicateError: If the project already has a database of that name.
            NotFoundError: If *actor* cannot view the database or the project.
            NotAllowedError: If *actor* is not the owner of both, or their token lacks the scope
                "full".
            TooManyRequestsError: If the actor has too many queued deployments.
        """
        actor.require_scope(Scope.FULL)
        locked = lock_volume(
            self._storage, actor, id, get_database_volume, new_project_id=attachment.project_id
        )
        async with locked as (uow, volume):
            project_id = attachment.project_id or volume.project_id
            if project_id is None:
                raise ConflictError(
                    f'The project of the database "{volume.name}" was deleted. Choose a different '
                    "project."
                )
            project = await get_project(uow, actor, project_id, ProjectRole.OWNER)
            if project.user_id != volume.user_id:
                raise NotAllowedError("A database can be attached only to its owner's projects.")
            attached = volume.attach(project.id, volume.target, now=self._now())
            await require_unused(uow, volume)
            await _require_free_name(uow, project, volume.name)
            await uow.volumes.update(attached)
            await self._variables.set(uow, actor, project, attached)
            queued = await self._queue_server(uow, actor, project, attached)
            await self._audit_log.record(uow, actor, "database.attached", id, project.name)
        await self._enqueuer.publish(queued)
        return Database.of(attached, newest=queued[0])

    async def purge(self, actor: Actor, id: VolumeId, purge: DatabasePurge) -> None:
        """
        Delete a detached database and its files now.

        Raises:
            ConflictError: If the database is attached, or its server is still being stopped.
            InvalidInputError: If the name in *purge* is not that of the database.
            NotFoundError: If *actor* cannot view the database.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
            RuntimeUnavailableError: If the node with the files does not respond. They are deleted
                once it does.
        """
        actor.require_scope(Scope.FULL)
        async with lock_volume(self._storage, actor, id, get_database_volume) as (uow, volume):
            if purge.name != volume.name:
                raise InvalidInputError({"name": f'must be "{volume.name}" to delete its data'})
            purging = volume.begin_purge(now=self._now())
            await require_unused(uow, volume)
            await uow.volumes.update(purging)
            await self._audit_log.record(uow, actor, "database.purged", id, volume.name)
        await self._purger.delete(purging)

    def validate(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the validation errors that depend on this instance, by field."""
        kind, version = values.get("kind", DatabaseKind.POSTGRES), values.get("version")
        offered = offered_versions(kind, self._packaging)
        if version is None or version in offered:
            return {}
        return {"version": f"must be one of {', '.join(sorted(offered))} on this runtime"}

    async def _new_volume(
        self, uow: UnitOfWork, project: Project, new_database: NewDatabase
    ) -> Volume:
        volume_id, now, kind = VolumeId(self._new_id()), self._now(), new_database.kind
        server = DatabaseServer(
            kind=kind,
            version=new_database.version or offered_versions(kind, self._packaging)[0],
            env_name=new_database.env_name,
            port=None if self._packaging is Packaging.IMAGE else await self._free_port(uow),
        )
        password = self._cipher.encrypt(
            new_secret(self._new_id), context=Volume.context_of(volume_id)
        )
        return Volume(
            id=volume_id,
            user_id=project.user_id,
            project_id=project.id,
            target=database_target(new_database.name),
            name=new_database.name,
            mount_path=_MOUNT_PATHS[self._packaging],
            size_limit=new_database.size_limit,
            server=server,
            server_password=password,
            created_at=now,
            updated_at=now,
        )

    async def _free_port(self, uow: UnitOfWork) -> int:
        taken = {instance.port for instance in await uow.instances.all()}
        free = sorted(set(self._ports) - taken - await database_ports(uow))
        if not free:
            raise PlatformFaultError(
                f"All ports from {self._ports[0]} to {self._ports[-1]} are in use. The operator "
                "can set PUSHPAKA_INSTANCE_PORTS to a larger range."
            )
        return free[self._new_id().int % len(free)]

    async def _queue_server(
        self, uow: UnitOfWork, actor: Actor, project: Project, volume: Volume
    ) -> Sequence[Deployment]:
        """Queue a deployment of the server, and return it and those that it superseded."""
        deployment = Deployment(
            id=self._enqueuer.new_deployment_id(),
            project_id=project.id,
            user_id=actor.require_user(),
            slug=project.slug,
            target=volume.target,
            sequence=await uow.projects.next_sequence(project),
            branch=project.branch,
            commit_message=str(volume.server),
            has_web=False,
            created_at=self._now(),
        )
        environment = await self._enqueuer.freeze_current_env(uow, actor, deployment)
        queued = await self._enqueuer.queue(uow, actor, project, deployment, environment)
        self._quotas.require_queue_quota(await uow.users.quota_usage(deployment.user_id))
        return queued


async def _require_free_name(uow: UnitOfWork, project: Project, name: str) -> None:
    if await attached_volumes(uow, project.id, database_target(name)):
        raise DuplicateError("database name")


async def _with_status(uow: UnitOfWork, volume: Volume) -> Database:
    if not volume.is_attached or volume.project_id is None:
        return Database.of(volume)
    project = await uow.projects.visible_to(PLATFORM).get(volume.project_id)
    newest = await uow.deployments.list_latest([project], volume.target)
    return Database.of(
        volume,
        await uow.targets.find(project, volume.target),
        await _active_deployment(uow, project, volume),
        newest[0] if newest else None,
    )


async def _active_deployment(
    uow: UnitOfWork, project: Project, volume: Volume
) -> Deployment | None:
    target = await uow.targets.find(project, volume.target)
    if target is None:
        return None
    try:
        return await uow.deployments.visible_to(PLATFORM).get(target.deployment_id)
    except NotFoundError:
        return None
