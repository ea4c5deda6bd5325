"""The environment variables that contain the URLs of databases."""

from attrs import field, frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import EnvVarId
from pushpaka_core.domain.projects.env_vars import EnvQuota, EnvScope, EnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import InvalidInputError, NotFoundError
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.projects.env_vars import readable_value


@frozen(kw_only=True)
class DatabaseVariables:
    """Sets and deletes the environment variables that contain the URLs of databases."""

    _cipher: SecretCipher
    _audit_log: AuditLog
    _now: Clock
    _new_id: IdGenerator
    _quota: EnvQuota = field(factory=EnvQuota)

    async def set(self, uow: UnitOfWork, actor: Actor, project: Project, volume: Volume) -> None:
        """
        Set the variable with the URL of the database, for production only.

        Raises:
            InvalidInputError: If the project has such a variable, or too many variables.
        """
        name, value = volume.required_server.env_name, self._url(volume)
        present = await uow.env_vars.visible_to(actor).of_project(project.id)
        if any(one.key == name and one.scope is not EnvScope.PREVIEW for one in present):
            raise InvalidInputError(
                {
                    "env_name": f"must be another name: the project already has a variable {name}. "
                    "Delete it first if the app no longer needs its value"
                }
            )
        kept = [(one.key, readable_value(self._cipher, one)) for one in present]
        self._quota.require_total([*kept, (name, value)])
        env_var_id, now = EnvVarId(self._new_id()), self._now()
        await uow.env_vars.put(
            EnvVar(
                id=env_var_id,
                project_id=project.id,
                key=name,
                scope=EnvScope.PRODUCTION,
                secret=self._cipher.encrypt(value, context=EnvVar.context_of(env_var_id)),
                created_at=now,
                updated_at=now,
            )
        )
        detail = f"{name} of {project.name}"
        await self._audit_log.record(uow, actor, "env_var.set", env_var_id, detail)

    async def remove(self, uow: UnitOfWork, actor: Actor, project: Project, volume: Volume) -> None:
        """Delete the variable with the URL of the database, unless its value was changed."""
        name, value = volume.required_server.env_name, self._url(volume)
        for one in await uow.env_vars.visible_to(actor).of_project(project.id):
            if one.key == name and readable_value(self._cipher, one) == value:
                await uow.env_vars.remove(one)
                detail = f"{name} of {project.name}"
                await self._audit_log.record(uow, actor, "env_var.deleted", one.id, detail)

    def _url(self, volume: Volume) -> str:
        """
        Return the URL of the database.

        Raises:
            NotFoundError: If the volume does not belong to a database.
            DecryptionError: If the password cannot be decrypted.
        """
        if volume.server_password is None:
            raise NotFoundError("database")
        password = self._cipher.decrypt(volume.server_password, context=volume.secret_context)
        return volume.required_server.url(volume.name, password)
