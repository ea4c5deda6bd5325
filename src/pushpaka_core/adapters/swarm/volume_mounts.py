"""Prepares the volumes of instances on the node that has them."""

from collections.abc import Sequence

from attrs import frozen
from docker.errors import APIError, ImageNotFound
from docker.types import Mount

from pushpaka_core.adapters.docker.volume_containers import VolumeContainers
from pushpaka_core.adapters.swarm.cluster import SwarmCluster
from pushpaka_core.adapters.swarm.registry import RegistryLocation
from pushpaka_core.errors import StartError
from pushpaka_core.ports.runtime import StartRequest


@frozen(kw_only=True)
class NodeMounts:
    """The mounts of an instance, and the node on which it must run because of them."""

    node_id: str
    mounts: Sequence[Mount]


@frozen(kw_only=True)
class NodeVolumes:
    """Prepares volumes on the node whose engine the platform uses."""

    _cluster: SwarmCluster
    _containers: VolumeContainers
    _location: RegistryLocation

    async def prepare(self, request: StartRequest) -> NodeMounts | None:
        """
        Return the mounts of an instance, or None if it has no volumes.

        Raises:
            StartError: If a volume does not exist, if its node accepts no instances, or if the
                image was removed.
        """
        volumes = request.settings.volumes
        if not volumes:
            return None
        engine = self._cluster.engine
        node = await engine.call(self._cluster.local_node)
        if not node.accepts_instances:
            state = node.state if node.state != "ready" else f"set to {node.availability}"
            raise StartError(
                f"The volume {volumes[0].name} is on the node {node.name}, which is {state} and"
                " runs no instances. Make the node available again."
            )
        await engine.call(self._ensure_image, self._cluster.labels.image_of(request.artifact))
        mounts = await self._containers.prepare(request)
        return NodeMounts(node_id=await engine.call(self._cluster.local_node_id), mounts=mounts)

    def _ensure_image(self, image: str) -> None:
        """Pull the image from the registry, if the builds of this node did not leave it there."""
        client = self._cluster.engine.client
        try:
            client.images.get(image)
        except ImageNotFound:
            self._location.log_in(client)
            try:
                client.images.pull(image)
            except APIError as error:
                raise StartError(
                    f"The image of the release cannot be pulled: {error.explanation}. Deploy the"
                    " commit again."
                ) from error
