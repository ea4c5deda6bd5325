"""How what is ours is told from everything else in an engine, and whom it belongs to."""

import re
from collections.abc import Mapping
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.deployments import DeploymentId, Lease
from pushpaka_core.domain.instances import Instance

PLATFORM = "pushpaka.platform"
"""The label that everything of an instance of Pushpaka bears; its value is the instance's id."""
NAME, DEPLOYMENT, FENCE = "pushpaka.name", "pushpaka.deployment", "pushpaka.fence"
PROJECT, KEY, GENERATION = "pushpaka.project", "pushpaka.key", "pushpaka.generation"

_TAG = re.compile(
    r"(?P<deployment>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<fence>[0-9]+)(\.[a-z][\w.-]*)?"
)
"""A stage of what a lease builds has its name at the end, for as long as it is kept apart."""

_LONGEST_SERVICE = 63
_NOT_OF_SERVICES = re.compile(r"[^A-Za-z0-9]+")


@frozen
class Marks:
    """The names and labels of one instance of Pushpaka; only what bears them is ever touched."""

    platform: str
    """The id of the instance."""
    shared: str | None = None
    """The one repository of a registry with the images of all projects, if they are pushed."""

    @property
    def filter(self) -> Mapping[str, str]:
        """Return what the engine finds everything of ours by."""
        return {"label": f"{PLATFORM}={self.platform}"}

    @property
    def prefix(self) -> str:
        """Return how the names of all that is ours begin."""
        return f"pushpaka-{self.platform[:12]}"

    def repository(self, project_number: int) -> str:
        """Return the name of a project's images, without their tags."""
        return self.shared or f"{self.prefix}/project-{project_number}"

    def with_tag(self, tag: str) -> str:
        """Return the name of an image that is *tag* in the registry."""
        return f"{self.shared}:{tag}"

    def artifact(self, image: str) -> str:
        """Return what an image of the registry is known by, whatever that is called."""
        repository, _, tag = image.rpartition(":")
        return f"{self.prefix}:{tag}" if repository == self.shared else image

    def image_of(self, artifact: str) -> str:
        """Return the image that is known by this."""
        repository, _, tag = artifact.rpartition(":")
        return self.with_tag(tag) if repository == self.prefix else artifact

    def image(self, project_number: int, lease: Lease) -> str:
        """Return the name of the image that *lease* builds."""
        return f"{self.repository(project_number)}:{lease.deployment_id}.{lease.fence}"

    def stage_image(self, project_number: int, lease: Lease, stage: str) -> str:
        """Return the name of the image of a stage of what *lease* builds."""
        return f"{self.image(project_number, lease)}.{stage}"

    def lease_of(self, image: str) -> Lease | None:
        """Return who built an image of ours; None for any other."""
        repository, _, tag = image.rpartition(":")
        match = _TAG.fullmatch(tag)
        is_ours = repository in {self.shared, self.prefix} or repository.startswith(
            f"{self.prefix}/"
        )
        if match is None or not is_ours:
            return None
        deployment_id = DeploymentId(UUID(match["deployment"]))
        return Lease(deployment_id=deployment_id, fence=int(match["fence"]))

    def network(self, project_number: int) -> str:
        """Return the name of a project's network."""
        return f"{self.prefix}-{project_number}"

    def container(self, name: str) -> str:
        """Return what the container of an instance is called."""
        return f"{self.prefix}-{name}"

    def service(self, name: str) -> str:
        """Return what the service of an instance is called, in the 63 characters that one has."""
        rest = _LONGEST_SERVICE - len(self.prefix) - 1
        return f"{self.prefix}-{_NOT_OF_SERVICES.sub('-', name)[-rest:].strip('-')}"

    def cache(self, project_number: int) -> str:
        """Return the name of what a project's builds hand on to the next."""
        return f"{self.prefix}-cache-{project_number}"

    def build_group(self, project_number: int) -> str:
        """Return the name of the control group in which a project's builds run."""
        return f"{self.prefix}-build-{project_number}"

    def of_project(self, project_number: int) -> dict[str, str]:
        """Return the labels of what belongs to a project."""
        return {PLATFORM: self.platform, PROJECT: str(project_number)}

    def of_instance(self, instance: Instance, project_number: int) -> dict[str, str]:
        """Return the labels of an instance's container."""
        return {
            **self.of_project(project_number),
            NAME: instance.name,
            DEPLOYMENT: str(instance.deployment_id),
            FENCE: str(instance.fence),
            GENERATION: str(instance.generation),
        }
