"""Turns the image of a deployment into a build plan and an artifact, without a build."""

import shlex
from datetime import timedelta

from attrs import frozen

from pushpaka_core.detection.explanation import explain
from pushpaka_core.domain.deployments.run_settings import resolve_settings
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.instances.instances import WEB_PROCESS_TYPE
from pushpaka_core.domain.pipeline.build_plans import (
    BuildPlan,
    BuildStep,
    Evidence,
    Origin,
    RegistryImage,
    RepositorySettings,
)
from pushpaka_core.domain.projects.images import ImageReference, parse_image
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import SourceError
from pushpaka_core.ports.builder import Artifact
from pushpaka_core.ports.images import ImageSource, PulledImage, PullRequest
from pushpaka_core.services.deployments.jobs import Job
from pushpaka_core.services.logs.deployment_log import DeploymentLog


@frozen
class ImageRelease:
    """Pulls the image of a job, and reports to the log."""

    _image_source: ImageSource | None
    """Finds and pulls images. None if the runtime cannot run images."""
    _timeouts: Timeouts

    async def resolve(self, job: Job, log: DeploymentLog) -> ImageReference:
        """
        Return the image of the deployment with its digest.

        Raises:
            SourceError: If the runtime cannot run images, the project now deploys another image, or
                the registry does not have the image, rejects the request or does not respond.
        """
        image = parse_image(job.deployment.image or "")
        if job.project.image is None or job.project.image.name != image.name:
            raise SourceError(
                f"The project no longer deploys {image.name}. Deploy the project again to use its "
                "current source."
            )
        await log.write(f"Resolving the image {image} at {image.registry}", Phase.SOURCE)
        return await self._required_source.resolve(
            image, job.credentials.for_registry, timeout=self._timeout(Phase.SOURCE)
        )

    async def pull(
        self, job: Job, image: ImageReference, log: DeploymentLog
    ) -> tuple[BuildPlan, Artifact]:
        """
        Pull *image*, and explain in the log how it is run.

        Raises:
            SourceError: If the image cannot be pulled, or has no command.
            PlatformFaultError: If the host caused the failure.
            RuntimeUnavailableError: If the container engine does not respond.
        """
        pulled = await self._required_source.pull(
            PullRequest(
                lease=job.deployment.lease,
                project_number=job.project.number,
                image=image,
                credentials=job.credentials.for_registry,
            ),
            timeout=self._timeout(Phase.BUILD),
            on_progress=lambda sentence: log.write(sentence, Phase.BUILD),
        )
        plan = _plan_of(job.project, image, pulled)
        settings = resolve_settings(job.project, RepositorySettings())
        await log.write("\n".join(explain(plan, settings, job.env_vars)), Phase.BUILD)
        return plan, pulled.artifact

    def _timeout(self, phase: Phase) -> timedelta:
        return self._timeouts.phase_timeout(phase)

    @property
    def _required_source(self) -> ImageSource:
        if self._image_source is None:
            raise SourceError(
                "Images cannot be deployed on the process runtime. Deploy a Git repository or a "
                "folder, or ask the operator to set PUSHPAKA_RUNTIME to docker or swarm."
            )
        return self._image_source


def _plan_of(project: Project, image: ImageReference, pulled: PulledImage) -> BuildPlan:
    """
    Return the plan that runs a pulled image.

    Raises:
        SourceError: If neither the image nor the project has a command.
    """
    if not pulled.command and project.start_command is None:
        raise SourceError(
            f"The image {image} has no command to start. Set start_command, or add CMD to its "
            "Dockerfile."
        )
    own = project.start_command
    (port,) = pulled.ports if len(pulled.ports) == 1 else (None,)
    facts = [f"the project deploys the image {image}"]
    if own is None:
        facts.append(f"the command of the image is {shlex.join(pulled.command)}")
    if pulled.ports:
        facts.append(f"the image exposes port {' and '.join(map(str, pulled.ports))}")
    return BuildPlan(
        framework="image",
        framework_origin=Origin.PROJECT,
        language="image",
        processes={}
        if own is None
        else {WEB_PROCESS_TYPE: BuildStep(command=own, origin=Origin.PROJECT)},
        image=RegistryImage(reference=str(image), command=pulled.command),
        settings=RepositorySettings(port=port),
        evidence=tuple(Evidence(reason=fact) for fact in facts),
    )
