"""Env vars: set and deleted by the owner of a project, and never shown again."""

from collections.abc import Mapping, Sequence

from attrs import evolve, field, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.env_vars import (
    EnvQuota,
    EnvScope,
    EnvVar,
    EnvVarId,
    EnvVarName,
    NewEnvVar,
)
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.errors import InvalidInputError, NotFoundError, PlatformFaultError
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.roles import project_for

_Place = tuple[str, EnvScope]


@frozen(kw_only=True)
class EnvVarService:
    """Keeps env vars encrypted; a deployment sees those of the moment at which it is asked for."""

    _storage: Storage
    _cipher: Cipher
    _journal: Journal
    _now: Clock
    _new_id: IdGenerator
    _quota: EnvQuota = field(factory=EnvQuota)

    async def set(self, actor: Actor, new: NewEnvVar) -> EnvVar:
        """Set one env var, new or not; InvalidInputError where the project has too much of them."""
        (env_var,) = await self.set_many(actor, [new])
        return env_var

    async def set_many(self, actor: Actor, new: Sequence[NewEnvVar]) -> Sequence[EnvVar]:
        """
        Set several env vars of one project, or none of them when one is refused.

        Raises:
            InvalidInputError: If they are of several projects, or too much with the others.
        """
        actor.require_scope(Scope.FULL)
        if not new:
            return ()
        project_id = _only_project(new)
        wanted = {(n.key, n.scope): n for n in new}
        for each in wanted.values():
            self._quota.check_value(each.key, each.value)
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, project_id, ProjectRole.MEMBER)
            present = {
                (e.key, e.scope): e
                for e in await uow.env_vars.visible_to(actor).of_project(project_id)
            }
            self._check_total(present, wanted)
            changed = [self._renewed(present.get(place), n) for place, n in wanted.items()]
            for env_var in changed:
                await uow.env_vars.put(env_var)
                await self._journal.note(
                    uow, actor, "env_var.set", env_var.id, f"{env_var.key} of {project.name}"
                )
        return changed

    async def of_project(self, actor: Actor, project_id: ProjectId) -> Sequence[EnvVar]:
        """Return the env vars of a project, by key and scope; NotFoundError."""
        async with self._storage.snapshot() as uow:
            await project_for(uow, actor, project_id, ProjectRole.VIEWER)
            return await uow.env_vars.visible_to(actor).of_project(project_id)

    async def delete(self, actor: Actor, name: EnvVarName) -> None:
        """Delete an env var, in one scope or in all; NotFoundError where there is none."""
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, name.project_id, ProjectRole.MEMBER)
            unwanted = [
                e
                for e in await uow.env_vars.visible_to(actor).of_project(project.id)
                if e.key == name.key and name.scope in (None, e.scope)
            ]
            if not unwanted:
                raise NotFoundError("environment variable")
            for env_var in unwanted:
                await uow.env_vars.remove(env_var)
                await self._journal.note(
                    uow, actor, "env_var.deleted", env_var.id, f"{env_var.key} of {project.name}"
                )

    def _check_total(
        self, present: Mapping[_Place, EnvVar], wanted: Mapping[_Place, NewEnvVar]
    ) -> None:
        untouched = [e for place, e in present.items() if place not in wanted]
        self._quota.check_total(
            [
                *((n.key, n.value) for n in wanted.values()),
                *((e.key, self._value_of(e)) for e in untouched),
            ]
        )

    def _value_of(self, env_var: EnvVar) -> str:
        """Return its value; what nobody can read takes no room, so that it can be set anew."""
        try:
            return self._cipher.decrypt(env_var.secret, context=env_var.secret_context)
        except PlatformFaultError:
            return ""

    def _renewed(self, present: EnvVar | None, new: NewEnvVar) -> EnvVar:
        """Return the env var with its new value, bound to its row."""
        env_var_id = present.id if present else EnvVarId(self._new_id())
        secret = self._cipher.encrypt(new.value, context=EnvVar.context_of(env_var_id))
        now = self._now()
        if present is not None:
            return evolve(present, secret=secret, version=present.version + 1, updated_at=now)
        return EnvVar(
            id=env_var_id,
            project_id=new.project_id,
            key=new.key,
            scope=new.scope,
            secret=secret,
            created_at=now,
            updated_at=now,
        )


def _only_project(new: Sequence[NewEnvVar]) -> ProjectId:
    project_id, *others = {n.project_id for n in new}
    if others:
        raise InvalidInputError({"project_id": "must be the same for all env vars of a request"})
    return project_id
