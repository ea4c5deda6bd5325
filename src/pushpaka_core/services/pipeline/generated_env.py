"""Generates the secrets that a repository declares as environment variables."""

from collections.abc import Collection, Mapping
from contextlib import suppress

from attrs import evolve, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import EnvVarId
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.domain.projects.env_vars import EnvQuota, EnvScope, EnvVar, effective_env_vars
from pushpaka_core.errors import DuplicateError, EnvVarNotGeneratedError
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.accounts.api_tokens import new_secret
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.deployments.jobs import Job
from pushpaka_core.services.projects.env_vars import EnvironmentCipher

_MAX_ATTEMPTS = 3


@frozen(kw_only=True)
class EnvVarGenerator:
    """
    Creates environment variables once, and reuses their values in later deployments.

    Production and previews have separate values, so that unreviewed code from a pull request never
    receives a production secret.
    """

    _storage: Storage
    _cipher: SecretCipher
    _environment_cipher: EnvironmentCipher
    _audit_log: AuditLog
    _quota: EnvQuota
    _now: Clock
    _new_id: IdGenerator

    async def generate_missing(self, job: Job, plan: BuildPlan) -> Job:
        """
        Return *job* with values for all environment variables that *plan* asks to generate.

        Missing values are created and stored in the project and in the deployment. Existing ones
        are never replaced.

        Raises:
            EnvVarNotGeneratedError: If the project would exceed its quota, or other deployments
                keep creating the same variables.
            LeaseLostError: If the lease was lost.
        """
        keys = plan.env_to_generate(job.env_vars)
        if not keys:
            return job
        for _ in range(_MAX_ATTEMPTS):
            with suppress(DuplicateError):  # Another deployment created it first; use its value.
                return await self._generate(job, keys)
        raise EnvVarNotGeneratedError(
            keys,
            "other deployments keep setting the same variables",
            "Deploy again when they have finished",
        )

    async def _generate(self, job: Job, keys: tuple[str, ...]) -> Job:
        async with self._storage.transaction() as uow:
            deployment = await uow.deployments.get_held(job.deployment.lease)
            everything = await uow.env_vars.visible_to(PLATFORM).of_project(job.project.id)
            seen = {one.key: one for one in effective_env_vars(everything, deployment.target)}
            values = {name: new_secret(self._new_id) for name in keys if name not in seen}
            self._require_quota(everything, values)
            for name, value in values.items():
                seen[name] = self._env_var(job, name, value)
                await self._store(uow, job, seen[name])
            (environment,) = await uow.env_vars.environments([deployment])
            kept = self._environment_cipher.add(environment, [seen[name] for name in keys])
            await uow.env_vars.put_environment(kept)
        return evolve(job, env_vars=self._environment_cipher.decrypt(kept))

    def _env_var(self, job: Job, name: str, value: str) -> EnvVar:
        env_var_id, now = EnvVarId(self._new_id()), self._now()
        return EnvVar(
            id=env_var_id,
            project_id=job.project.id,
            key=name,
            scope=EnvScope.of_target(job.deployment.target),
            secret=self._cipher.encrypt(value, context=EnvVar.context_of(env_var_id)),
            created_at=now,
            updated_at=now,
        )

    async def _store(self, uow: UnitOfWork, job: Job, env_var: EnvVar) -> None:
        await uow.env_vars.put(env_var)
        detail = f"{env_var.key} of {job.project.name}"
        await self._audit_log.record(uow, PLATFORM, "env_var.generated", env_var.id, detail)

    def _require_quota(
        self, existing_variables: Collection[EnvVar], values: Mapping[str, str]
    ) -> None:
        room = self._quota.count - len(existing_variables)
        if values and len(values) > room:
            raise EnvVarNotGeneratedError(
                tuple(values),
                f"a project can have at most {self._quota.count} environment variables",
                "Delete variables that are no longer needed, and deploy again",
            )
