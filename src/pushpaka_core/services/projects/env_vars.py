"""Environment variables of projects, and their snapshots in deployments."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import evolve, field, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.ids import DeploymentId, EnvVarId, ProjectId
from pushpaka_core.domain.projects.env_vars import (
    Environment,
    EnvQuota,
    EnvScope,
    EnvVar,
    EnvVarDeletion,
    NewEnvVar,
    effective_env_vars,
    versions_of,
)
from pushpaka_core.domain.volumes.servers import DATABASE_NAME, DATABASE_USER
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import InvalidInputError, NotFoundError, PlatformFaultError
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.accounts.permissions import get_project
from pushpaka_core.services.audit_log import AuditLog

_KeyAndScope = tuple[str, EnvScope]


@frozen(kw_only=True)
class EnvVarService:
    """
    Manages the environment variables of projects, which are stored encrypted.

    A deployment uses the values at the time of its creation, so changes apply to the next one.
    """

    _storage: Storage
    _cipher: SecretCipher
    _audit_log: AuditLog
    _now: Clock
    _new_id: IdGenerator
    _quota: EnvQuota = field(factory=EnvQuota)

    async def set(self, actor: Actor, new_env_var: NewEnvVar) -> EnvVar:
        """Add or replace one environment variable; see `set_many` for the errors."""
        (env_var,) = await self.set_many(actor, [new_env_var])
        return env_var

    async def set_many(self, actor: Actor, new_env_vars: Sequence[NewEnvVar]) -> Sequence[EnvVar]:
        """
        Add or replace several environment variables of one project, all or none.

        If the same key and scope occur more than once, the last one counts.

        Raises:
            NotFoundError: If the actor cannot see the project.
            NotAllowedError: If the actor is only a viewer, or their token lacks the scope "full".
            InvalidInputError: If the variables belong to several projects, or a value or the total
                exceeds the quota.
        """
        actor.require_scope(Scope.FULL)
        if not new_env_vars:
            return ()
        project_id = _single_project(new_env_vars)
        new_by_key = {(n.key, n.scope): n for n in new_env_vars}
        for each in new_by_key.values():
            self._quota.require_value(each.key, each.value)
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, project_id, ProjectRole.MEMBER)
            present = {
                (e.key, e.scope): e
                for e in await uow.env_vars.visible_to(actor).of_project(project_id)
            }
            self._check_total(present, new_by_key)
            changed = [
                self._with_new_value(present.get(place), n) for place, n in new_by_key.items()
            ]
            for env_var in changed:
                await uow.env_vars.put(env_var)
                await self._audit_log.record(
                    uow, actor, "env_var.set", env_var.id, f"{env_var.key} of {project.name}"
                )
        return changed

    async def of_project(self, actor: Actor, project_id: ProjectId) -> Sequence[EnvVar]:
        """
        Return the environment variables of a project, ordered by key and scope.

        Raises:
            NotFoundError: If the actor cannot see the project.
        """
        async with self._storage.snapshot() as uow:
            await get_project(uow, actor, project_id, ProjectRole.VIEWER)
            return await uow.env_vars.visible_to(actor).of_project(project_id)

    async def delete(self, actor: Actor, name: EnvVarDeletion) -> None:
        """
        Delete an environment variable from the scope in *name*, or from all scopes if it is None.

        Raises:
            NotFoundError: If there is no such variable, or the actor cannot see the project.
            NotAllowedError: If the actor is only a viewer, or their token lacks the scope "full".
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, name.project_id, ProjectRole.MEMBER)
            unwanted = [
                e
                for e in await uow.env_vars.visible_to(actor).of_project(project.id)
                if e.key == name.key and name.scope in (None, e.scope)
            ]
            if not unwanted:
                raise NotFoundError("environment variable")
            for env_var in unwanted:
                await uow.env_vars.remove(env_var)
                await self._audit_log.record(
                    uow, actor, "env_var.deleted", env_var.id, f"{env_var.key} of {project.name}"
                )

    def _check_total(
        self,
        existing_by_key: Mapping[_KeyAndScope, EnvVar],
        new_by_key: Mapping[_KeyAndScope, NewEnvVar],
    ) -> None:
        untouched = [e for place, e in existing_by_key.items() if place not in new_by_key]
        self._quota.require_total(
            [
                *((n.key, n.value) for n in new_by_key.values()),
                *((e.key, readable_value(self._cipher, e)) for e in untouched),
            ]
        )

    def _with_new_value(self, existing_env_var: EnvVar | None, new_env_var: NewEnvVar) -> EnvVar:
        """Return the variable with its new value, encrypted for its row."""
        env_var_id = existing_env_var.id if existing_env_var else EnvVarId(self._new_id())
        secret = self._cipher.encrypt(new_env_var.value, context=EnvVar.context_of(env_var_id))
        now = self._now()
        if existing_env_var is not None:
            return evolve(
                existing_env_var,
                secret=secret,
                version=existing_env_var.version + 1,
                updated_at=now,
            )
        return EnvVar(
            id=env_var_id,
            project_id=new_env_var.project_id,
            key=new_env_var.key,
            scope=new_env_var.scope,
            secret=secret,
            created_at=now,
            updated_at=now,
        )


def readable_value(cipher: SecretCipher, env_var: EnvVar) -> str:
    """Return the value, or "" if it cannot be decrypted, so that the user can set it again."""
    try:
        return cipher.decrypt(env_var.secret, context=env_var.secret_context)
    except PlatformFaultError:
        return ""


def _single_project(new_env_vars: Sequence[NewEnvVar]) -> ProjectId:
    project_id, *others = {n.project_id for n in new_env_vars}
    if others:
        raise InvalidInputError(
            {"project_id": "must be the same for all environment variables of a request"}
        )
    return project_id


@frozen
class EnvironmentCipher:
    """
    Encrypts and decrypts the environment of deployments.

    All methods raise PlatformFaultError if a secret cannot be decrypted.
    """

    _cipher: SecretCipher

    def snapshot(
        self, deployment_id: DeploymentId, env_vars: Iterable[EnvVar], target: str
    ) -> Environment:
        """Return an environment with the variables of *env_vars* that apply to *target*."""
        seen = effective_env_vars(env_vars, target)
        values = {e.key: self._cipher.decrypt(e.secret, context=e.secret_context) for e in seen}
        return self._encrypt(deployment_id, values, versions_of(seen))

    def of_database(self, deployment_id: DeploymentId, volume: Volume) -> Environment:
        """
        Return the environment of a server of the database in *volume*, which has no variables of
        the app.
        """
        values = {"DATABASE_USER": DATABASE_USER, "DATABASE_NAME": DATABASE_NAME}
        if volume.server_password is not None:
            values["DATABASE_PASSWORD"] = self._cipher.decrypt(
                volume.server_password, context=volume.secret_context
            )
        return self._encrypt(deployment_id, values, {})

    def add(self, environment: Environment, env_vars: Collection[EnvVar]) -> Environment:
        """Return *environment* with *env_vars* added, replacing values with the same key."""
        added = {e.key: self._cipher.decrypt(e.secret, context=e.secret_context) for e in env_vars}
        return self._encrypt(
            environment.deployment_id,
            {**self.decrypt(environment), **added},
            {**environment.versions, **versions_of(env_vars)},
        )

    def copy(self, environment: Environment, deployment_id: DeploymentId) -> Environment:
        """Return a copy of *environment* for another deployment, such as a rollback."""
        return self._encrypt(deployment_id, self.decrypt(environment), environment.versions)

    def decrypt(self, environment: Environment) -> dict[str, str]:
        """Return the decrypted values by key."""
        text = self._cipher.decrypt(environment.secret, context=environment.secret_context)
        values: dict[str, str] = json.loads(text)
        return values

    def _encrypt(
        self, deployment_id: DeploymentId, values: Mapping[str, str], versions: Mapping[str, str]
    ) -> Environment:
        context = Environment.context_of(deployment_id)
        secret = self._cipher.encrypt(json.dumps(values), context=context)
        return Environment(deployment_id=deployment_id, secret=secret, versions=versions)
