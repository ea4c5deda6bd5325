"""Fetches the source of a deployment, detects the build plan and builds the artifact."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from attrs import evolve, frozen

from pushpaka_core.detection.explanation import explain
from pushpaka_core.detection.tree import subtree
from pushpaka_core.domain.deployments.run_settings import resolve_settings
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.integrations.webhooks import is_fork_preview
from pushpaka_core.domain.logs.logs import LogLevel
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.domain.projects.target_names import is_database
from pushpaka_core.domain.volumes.declarations import PlannedVolume
from pushpaka_core.domain.volumes.paths import find_hidden
from pushpaka_core.errors import BuildError, SourceError
from pushpaka_core.ports.builder import Artifact, Builder, BuildRequest
from pushpaka_core.ports.source import Checkout, Source
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.databases.server_files import write_server_files
from pushpaka_core.services.deployments.jobs import Job
from pushpaka_core.services.deployments.plans import detect_plan
from pushpaka_core.services.logs.deployment_log import DeploymentLog, ProgramOutput
from pushpaka_core.services.projects.archive_store import ArchiveUnpacker

_PLACEHOLDERS = frozenset({".gitignore", ".gitkeep", ".keep"})
"""Files that keep an empty directory in a Git repository."""


@frozen
class ReleaseBuild:
    """Turns the source of a job into a build plan and an artifact, and reports to the log."""

    _source: Source
    _archive_unpacker: ArchiveUnpacker
    _workspaces: Workspaces
    _builder: Builder
    _timeouts: Timeouts

    async def fetch(self, job: Job, log: DeploymentLog) -> Checkout:
        """
        Fetch the commit or unpack the archive of *job* into its workspace.

        For the server of a database, the files are those that Pushpaka contains.

        Raises:
            SourceError: If the source cannot be fetched or unpacked, or takes too long.
        """
        project, deployment = job.project, job.deployment
        directory = await self._workspaces.path(deployment.lease)
        timeout = self._timeouts.phase_timeout(Phase.SOURCE)

        async def report(sentence: str) -> None:
            await log.write(sentence, Phase.SOURCE)

        if is_database(deployment.target):
            return await self._write_server_files(job, directory)
        if deployment.archive is not None:
            return await self._archive_unpacker.fetch(
                project, deployment, directory, timeout=timeout, report=report
            )
        request = job.credentials.source_request(
            project, branch=deployment.branch, commit_sha=deployment.commit_sha
        )
        return await self._source.fetch(
            evolve(request, is_from_fork=is_fork_preview(deployment.target)),
            directory,
            timeout=timeout,
            on_progress=report,
        )

    async def plan(self, job: Job, checkout: Checkout, log: DeploymentLog) -> BuildPlan:
        """
        Return the build plan of *checkout*, and explain it in the log.

        Raises:
            DetectionError: If no supported language or framework is detected.
            MissingEnvVarsError: If environment variables that the repository requires are not set.
        """
        plan = await detect_plan(
            self._workspaces, job.project, checkout.directory, self._builder.packaging
        )
        settings = resolve_settings(job.project, plan.settings)
        await log.write("\n".join(explain(plan, settings, job.env_vars)), Phase.BUILD)
        job.require_env(plan)
        return plan

    async def warn_of_hidden_files(
        self,
        checkout: Checkout,
        plan: BuildPlan,
        volumes: Sequence[PlannedVolume],
        log: DeploymentLog,
    ) -> None:
        """Log a warning for each of *volumes* whose path has files in the commit."""
        if not volumes:
            return
        tree = await self._workspaces.tree(checkout.directory, plan.directory)
        paths = subtree(tree, plan.directory).paths()
        files = [path for path in paths if PurePosixPath(path).name not in _PLACEHOLDERS]
        for volume in volumes:
            if count := len(find_hidden(volume.mount_path, files)):
                await log.write(
                    f'The volume "{volume.name}" is mounted at {volume.mount_path}, which has '
                    f"{count} {'file' if count == 1 else 'files'} in the repository. The first "
                    "deployment copies them into the volume, and later deployments do not update "
                    "them.",
                    Phase.BUILD,
                    LogLevel.WARN,
                )

    async def build(
        self, job: Job, checkout: Checkout, plan: BuildPlan, log: DeploymentLog
    ) -> Artifact:
        """
        Build the artifact according to *plan*, streaming the output to the log.

        Raises:
            BuildError: If a command fails. The error contains the last lines of output.
            PlatformFaultError: If the host caused the failure.
            RuntimeUnavailableError: If the builder does not respond.
        """
        output = log.open_output(Phase.BUILD)
        request = BuildRequest(
            lease=job.deployment.lease,
            project_id=job.project.id,
            project_number=job.project.number,
            plan=plan,
            directory=checkout.directory,
            env=job.env_with_defaults(plan),
        )
        try:
            return await self._run(request, log, output)
        except BuildError as error:
            raise output.attach_tail(BuildError(str(error))) from error

    async def _write_server_files(self, job: Job, directory: Path) -> Checkout:
        if job.database is None:
            raise SourceError("The database was detached. Attach it again to start its server.")
        return await write_server_files(job.database, self._builder.packaging, directory)

    async def _run(
        self, request: BuildRequest, log: DeploymentLog, output: ProgramOutput
    ) -> Artifact:
        try:
            return await self._builder.build(
                request,
                timeout=self._timeouts.phase_timeout(Phase.BUILD),
                on_progress=lambda sentence: log.write(sentence, Phase.BUILD),
                on_output=output,
            )
        finally:
            output.finish()
