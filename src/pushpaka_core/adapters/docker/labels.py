"""Names and labels that identify which objects of an engine belong to this instance."""

import re
from collections.abc import Mapping
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.ids import DeploymentId, VolumeId
from pushpaka_core.domain.instances.instances import Instance

PLATFORM = "pushpaka.platform"
"""Label of every object that belongs to an instance of Pushpaka. Its value is the instance's id."""
NAME, DEPLOYMENT, FENCE = "pushpaka.name", "pushpaka.deployment", "pushpaka.fence"
VOLUME = "pushpaka.volume"
PROJECT, KEY, GENERATION = "pushpaka.project", "pushpaka.key", "pushpaka.generation"

_TAG = re.compile(
    r"(?P<deployment>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<fence>[0-9]+)(\.[a-z][\w.-]*)?"
)
"""Matches the tag of an image. Images of build stages have the stage's name as a suffix."""

_MAX_SERVICE_NAME = 63
_INVALID_SERVICE_CHARS = re.compile(r"[^A-Za-z0-9]+")


@frozen
class Labels:
    """The names and labels of one instance of Pushpaka. Objects without them are never touched."""

    instance_id: str
    """Id of the instance."""
    registry_repository: str | None = None
    """The registry repository for images of all projects, or None if images are not pushed."""

    @property
    def filter(self) -> Mapping[str, str]:
        """Return the SDK's filter for all objects of this instance."""
        return {"label": f"{PLATFORM}={self.instance_id}"}

    @property
    def prefix(self) -> str:
        """Return the prefix of the names of all objects of this instance."""
        return f"pushpaka-{self.instance_id[:12]}"

    def repository(self, project_number: int) -> str:
        """Return the repository of a project's images."""
        return self.registry_repository or f"{self.prefix}/project-{project_number}"

    def registry_image(self, tag: str) -> str:
        """Return the name of the image with *tag* in the registry."""
        return f"{self.registry_repository}:{tag}"

    def artifact(self, image: str) -> str:
        """Return the artifact name of an image, which stays the same if the registry is renamed."""
        repository, _, tag = image.rpartition(":")
        return f"{self.prefix}:{tag}" if repository == self.registry_repository else image

    def image_of(self, artifact: str) -> str:
        """Return the image of an artifact. The inverse of `artifact`."""
        repository, _, tag = artifact.rpartition(":")
        return self.registry_image(tag) if repository == self.prefix else artifact

    def image(self, project_number: int, lease: Lease) -> str:
        """Return the name of the image built under *lease*."""
        return f"{self.repository(project_number)}:{lease.deployment_id}.{lease.fence}"

    def stage_image(self, project_number: int, lease: Lease, stage: str) -> str:
        """Return the name of the image of one build *stage*."""
        return f"{self.image(project_number, lease)}.{stage}"

    def lease_of(self, image: str) -> Lease | None:
        """Return the lease an image was built under, or None for an image of another instance."""
        repository, _, tag = image.rpartition(":")
        match = _TAG.fullmatch(tag)
        is_ours = repository in {self.registry_repository, self.prefix} or repository.startswith(
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
        """Return the name of an instance's container."""
        return f"{self.prefix}-{name}"

    def service(self, name: str) -> str:
        """Return the name of an instance's service, at most 63 characters long."""
        rest = _MAX_SERVICE_NAME - len(self.prefix) - 1
        return f"{self.prefix}-{_INVALID_SERVICE_CHARS.sub('-', name)[-rest:].strip('-')}"

    def volume(self, id: VolumeId) -> str:
        """Return the name of a volume in the engine."""
        return f"{self.prefix}-volume-{id}"

    @property
    def volume_image(self) -> str:
        """Return the name of the empty image that gives access to volumes."""
        return f"{self.prefix}/volumes:1"

    def cache_namespace(self, project_number: int) -> str:
        """Return the namespace of a project's cache mounts."""
        return f"{self.prefix}-cache-{project_number}"

    def build_group(self, project_number: int) -> str:
        """Return the name of the control group for a project's builds."""
        return f"{self.prefix}-build-{project_number}"

    def project_labels(self, project_number: int) -> dict[str, str]:
        """Return the labels of an object that belongs to a project."""
        return {PLATFORM: self.instance_id, PROJECT: str(project_number)}

    def instance_labels(self, instance: Instance, project_number: int) -> dict[str, str]:
        """Return the labels of an instance's container."""
        return {
            **self.project_labels(project_number),
            NAME: instance.name,
            DEPLOYMENT: str(instance.deployment_id),
            FENCE: str(instance.fence),
            GENERATION: str(instance.generation),
        }
