"""What a worker has to know of the deployment in its hands."""

from collections.abc import Mapping

from attrs import field, frozen

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.domain.deployments import Deployment, Lease
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.domain.releases import Release
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.errors import ConflictError, MissingEnvVarsError
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.services.credentials import Credentials, open_credentials
from pushpaka_core.services.environments import Environments


@frozen(kw_only=True)
class Job:
    """A deployment with everything that is needed to build and to run it, secrets opened."""

    deployment: Deployment
    project: Project
    release: Release | None
    env_vars: Mapping[str, str] = field(repr=False)
    credentials: Credentials

    @property
    def redactor(self) -> Redactor:
        """Return what masks its secrets."""
        return Redactor.of([*self.env_vars.values(), *self.credentials.secrets])

    @property
    def served_release(self) -> Release:
        """
        Return the release that it runs.

        Raises:
            ConflictError: If nothing is built yet.
        """
        if self.release is None:
            raise ConflictError("The deployment has nothing to run yet.")
        return self.release

    @property
    def settings(self) -> RunSettings:
        """Return how the release is run: as was kept, else as project and repository say today."""
        kept = self.deployment.run_settings
        return kept or RunSettings.of(self.project, self.served_release.plan.settings)

    def require_env(self, plan: BuildPlan) -> None:
        """
        Pass only a deployment that has the env vars without which *plan* must not run.

        Raises:
            MissingEnvVarsError: That names all that are not set.
        """
        if missing := plan.missing_env(self.env_vars):
            raise MissingEnvVarsError(missing, self.deployment.target)

    def env(self, addresses: Addresses) -> dict[str, str]:
        """Return what its programs see: its env vars, and what the platform says of it."""
        return {
            **self.env_vars,
            "APP_URL": addresses.url(addresses.host_for_visitors(self.deployment)),
            "APP_COMMIT": self.deployment.commit_sha or "",
            "APP_DEPLOYMENT": str(self.deployment.id),
        }


@frozen
class Jobs:
    """Loads jobs: by lease for the one worker that holds it, or for the reconciler."""

    _storage: Storage
    _cipher: Cipher
    _environments: Environments

    async def held(self, lease: Lease) -> Job:
        """Return the job of *lease*; LeaseLostError where it is another's by now."""
        async with self._storage.snapshot() as uow:
            return await self._load(uow, await uow.deployments.held(lease))

    async def of(self, deployment: Deployment) -> Job:
        """Return the job of a deployment, whoever holds it."""
        async with self._storage.snapshot() as uow:
            return await self._load(uow, deployment)

    async def _load(self, uow: UnitOfWork, deployment: Deployment) -> Job:
        project = await uow.projects.visible_to(PLATFORM).get(deployment.project_id)
        environments = await uow.env_vars.environments([deployment])
        return Job(
            deployment=deployment,
            project=project,
            release=await uow.releases.of_deployment(deployment),
            env_vars={k: v for e in environments for k, v in self._environments.open(e).items()},
            credentials=await open_credentials(uow, self._cipher, project),
        )
