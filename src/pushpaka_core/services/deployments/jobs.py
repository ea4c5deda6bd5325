"""Loads a deployment with the data that a worker needs to build and run it."""

from collections.abc import Mapping

from attrs import field, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.databases.databases import server_project
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.releases import Release
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import is_database
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.domain.volumes.servers import DatabaseServer
from pushpaka_core.errors import ConflictError, MissingEnvVarsError
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.services.projects.credentials import RepositoryCredentials, decrypt_credentials
from pushpaka_core.services.projects.env_vars import EnvironmentCipher
from pushpaka_core.services.volumes.usage import attached_volumes


@frozen(kw_only=True)
class Job:
    """A deployment with everything needed to build and run it, including decrypted secrets."""

    deployment: Deployment
    project: Project
    release: Release | None
    env_vars: Mapping[str, str] = field(repr=False)
    credentials: RepositoryCredentials
    database: DatabaseServer | None = None
    """The server to run, if the target is that of a database that is still attached."""

    @property
    def redactor(self) -> Redactor:
        """Return a redactor for all secrets of the job."""
        return Redactor.of([*self.env_vars.values(), *self.credentials.secrets])

    @property
    def has_commit(self) -> bool:
        """Return True if the deployment has a Git commit, not an archive or a database."""
        return self.deployment.archive is None and not is_database(self.deployment.target)

    @property
    def required_release(self) -> Release:
        """
        Return the release to run.

        Raises:
            ConflictError: If the deployment has no release yet.
        """
        if self.release is None:
            raise ConflictError("The deployment has no release yet. Try again after its build.")
        return self.release

    @property
    def settings(self) -> RunSettings:
        """
        Return the run settings stored with the deployment, else those of the project and the
        repository.

        Raises:
            ConflictError: If neither run settings nor a release exist yet.
        """
        kept = self.deployment.run_settings
        return kept or RunSettings.of(self.project, self.required_release.plan.settings)

    def require_env(self, plan: BuildPlan) -> None:
        """Raise MissingEnvVarsError unless all variables that *plan* requires are set."""
        if missing := plan.missing_env(self.env_vars):
            required_by = plan.settings.required_by
            raise MissingEnvVarsError(missing, self.deployment.target, required_by)

    def env_with_defaults(self, plan: BuildPlan) -> dict[str, str]:
        """
        Return the environment variables, with the defaults of *plan* for those that are not
        set.
        """
        return {**plan.settings.default_env, **self.env_vars}

    def env(self, public_urls: PublicUrls) -> dict[str, str]:
        """
        Return the environment of the application: its variables and the APP_* variables.

        `APP_URL` is missing if the application has no address.
        """
        url = public_urls.app_url(self.deployment)
        return {
            **(self.env_with_defaults(self.release.plan) if self.release else self.env_vars),
            **({"APP_URL": url} if url else {}),
            "APP_COMMIT": self.deployment.commit_sha or "",
            "APP_DEPLOYMENT": str(self.deployment.id),
        }


@frozen
class JobLoader:
    """Loads jobs, for the lease holder or for the reconciler."""

    _storage: Storage
    _cipher: SecretCipher
    _environment_cipher: EnvironmentCipher

    async def load_for_lease(self, lease: Lease) -> Job:
        """
        Return the job of *lease*.

        Raises:
            LeaseLostError: If the lease was lost to another worker.
            PlatformFaultError: If a secret cannot be decrypted.
        """
        async with self._storage.snapshot() as uow:
            return await self._load(uow, await uow.deployments.get_held(lease))

    async def load_for_deployment(self, deployment: Deployment) -> Job:
        """
        Return the job of a deployment, regardless of its lease.

        Raises:
            PlatformFaultError: If a secret cannot be decrypted.
        """
        async with self._storage.snapshot() as uow:
            return await self._load(uow, deployment)

    async def _load(self, uow: UnitOfWork, deployment: Deployment) -> Job:
        project = await uow.projects.visible_to(PLATFORM).get(deployment.project_id)
        database = None
        if is_database(deployment.target):
            project = server_project(project)
            for volume in await attached_volumes(uow, project.id, deployment.target):
                database = volume.server
        environments = await uow.env_vars.environments([deployment])
        return Job(
            deployment=deployment,
            project=project,
            release=await uow.releases.of_deployment(deployment),
            env_vars={
                k: v for e in environments for k, v in self._environment_cipher.decrypt(e).items()
            },
            credentials=await decrypt_credentials(uow, self._cipher, project),
            database=database,
        )
