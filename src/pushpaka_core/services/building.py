"""From a commit to a release: fetch, detect, build."""

from attrs import evolve, frozen

from pushpaka_core.detection.explanation import explain
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.run_settings import choose_settings
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.webhooks import is_of_fork
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.builder import Artifact, Builder, BuildRequest
from pushpaka_core.ports.source import Checkout, Source
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.deployment_log import DeploymentLog, ProgramOutput
from pushpaka_core.services.jobs import Job
from pushpaka_core.services.plans import find_plan
from pushpaka_core.services.unpacking import Unpacking


@frozen
class Building:
    """Turns the commit of a job into a plan and an artifact, and tells the log why."""

    _source: Source
    _unpacking: Unpacking
    _workspaces: Workspaces
    _builder: Builder
    _timings: Timings

    async def fetch(self, job: Job, log: DeploymentLog) -> Checkout:
        """Fetch the wanted commit, or unpack the archive; SourceError when it cannot be had."""
        project, deployment = job.project, job.deployment
        directory = await self._workspaces.path(deployment.lease)
        timeout = self._timings.deadline(Phase.SOURCE)

        async def report(sentence: str) -> None:
            await log.say(sentence, Phase.SOURCE)

        if deployment.archive is not None:
            return await self._unpacking.fetch(
                project, deployment, directory, timeout=timeout, report=report
            )
        request = job.credentials.request(
            project, branch=deployment.branch, commit_sha=deployment.commit_sha
        )
        return await self._source.fetch(
            evolve(request, is_proposed=is_of_fork(deployment.target)),
            directory,
            timeout=timeout,
            report=report,
        )

    async def plan(self, job: Job, checkout: Checkout, log: DeploymentLog) -> BuildPlan:
        """
        Find out how the commit is built and run, and tell the log why.

        Raises:
            DetectionError: If nothing is recognised.
            MissingEnvVarsError: If the deployment has not what the repository requires.
        """
        plan = await find_plan(
            self._workspaces, job.project, checkout.directory, self._builder.packaging
        )
        settings = choose_settings(job.project, plan.settings)
        await log.say("\n".join(explain(plan, settings, job.env_vars)), Phase.BUILD)
        job.require_env(plan)
        return plan

    async def build(
        self, job: Job, checkout: Checkout, plan: BuildPlan, log: DeploymentLog
    ) -> Artifact:
        """Install and build by the plan; BuildError, with the last lines, when a command fails."""
        output = log.output(Phase.BUILD)
        request = BuildRequest(
            lease=job.deployment.lease,
            project_id=job.project.id,
            project_number=job.project.number,
            plan=plan,
            directory=checkout.directory,
            env=job.env_vars,
        )
        try:
            return await self._run(request, log, output)
        except BuildError as error:
            raise output.added_to(BuildError(str(error))) from error

    async def _run(
        self, request: BuildRequest, log: DeploymentLog, output: ProgramOutput
    ) -> Artifact:
        try:
            return await self._builder.build(
                request,
                timeout=self._timings.deadline(Phase.BUILD),
                report=lambda sentence: log.say(sentence, Phase.BUILD),
                on_output=output,
            )
        finally:
            output.finish()
