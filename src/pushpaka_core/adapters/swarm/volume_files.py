"""Keeps volumes on the node of the Swarm whose engine the platform uses."""

from collections.abc import AsyncIterable, AsyncIterator, Collection

from anyio import move_on_after, sleep
from attrs import frozen

from pushpaka_core.adapters.docker.volume_files import DockerVolumeFiles
from pushpaka_core.adapters.swarm.cluster import SwarmCluster
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import RuntimeUnavailableError

_CONTAINER_REMOVAL_SECONDS = 20
"""How long `delete` waits until the node has removed the containers of ended tasks."""
_POLL_SECONDS = 0.1


@frozen(kw_only=True)
class SwarmVolumeFiles:
    """
    Keeps each volume as a named volume of one node.

    The API of a Swarm gives no access to the volumes of other nodes, see decision record 0068.
    """

    _cluster: SwarmCluster
    _local: DockerVolumeFiles

    async def create(self, volume: Volume, /) -> str:
        """Create the volume on the node of the platform, unless it exists."""
        node = await self._require_node(volume)
        await self._local.create(volume)
        return node

    async def exists(self, volume: Volume, /) -> bool:
        """Return True if the node has the volume."""
        await self._require_node(volume)
        return await self._local.exists(volume)

    async def used_bytes(self, volume: Volume, /) -> int:
        """Return the size of all files. The engine counts holes of sparse files as used space."""
        await self._require_node(volume)
        return await self._local.used_bytes(volume)

    async def read(self, volume: Volume, /, *, path: str = "") -> AsyncIterator[bytes]:
        """Yield an archive of the volume, or of one file or directory in it."""
        await self._require_node(volume)
        async for piece in self._local.read(volume, path=path):
            yield piece

    async def write(self, volume: Volume, archive: AsyncIterable[bytes], /) -> None:
        """Extract an archive into the volume."""
        await self._require_node(volume)
        await self._local.write(volume, archive)

    async def delete(self, volume: Volume, /) -> None:
        """Remove the volume, which no task may use."""
        await self._require_node(volume)
        # A node removes the container of a task some time after the service is gone.
        with move_on_after(_CONTAINER_REMOVAL_SECONDS):
            while await self._cluster.engine.call(self._is_used, volume.id):  # noqa: ASYNC110
                await sleep(_POLL_SECONDS)
        await self._local.delete(volume)

    async def ids(self) -> Collection[VolumeId]:
        """Return the ids of the volumes on the node of the platform."""
        return await self._local.ids()

    def _is_used(self, id: VolumeId) -> bool:
        """Return True if a container of the node uses the volume, even if it has ended."""
        api, labels = self._cluster.engine.client.api, self._cluster.labels
        return bool(api.containers(all=True, filters={"volume": labels.volume(id)}))

    async def _require_node(self, volume: Volume) -> str:
        """
        Return the name of the platform's node. Raise RuntimeUnavailableError if the volume is on
        another node.
        """
        node = await self._cluster.engine.call(self._cluster.local_node)
        if volume.node not in {None, node.name}:
            raise RuntimeUnavailableError(
                f"The volume {volume.name} is on the node {volume.node}, but Pushpaka uses the"
                f" engine of the node {node.name}. Set PUSHPAKA_DOCKER_URL to the engine of"
                f" {volume.node}."
            )
        return node.name
