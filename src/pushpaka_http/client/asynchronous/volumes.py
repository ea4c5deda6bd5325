"""Methods for volumes and their files."""

from collections.abc import AsyncIterable
from typing import Unpack

from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import PreviewVolume
from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Id, call, json_body, query_params
from pushpaka_http.client.project_settings import VolumeChanges
from pushpaka_http.client.streams import AsyncStream
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.snapshots import SnapshotResponse
from pushpaka_http.schemas.volumes import VolumeResponse


class AsyncVolumes(AsyncNamespace):
    """Volumes, which keep files across deployments."""

    async def list(self) -> ListResponse[VolumeResponse]:
        """List your volumes, newest first. Detached ones are included."""
        return await self._connection.request(call("GET", "/volumes"), ListResponse[VolumeResponse])

    async def get(self, volume_id: Id, *, wait: int | None = None) -> VolumeResponse:
        """
        Get a volume, with the disk space that its files use now.

        Args:
            volume_id: The volume.
            wait: Seconds to wait for the files of a snapshot to be restored, at most 300.
        """
        query = query_params(wait=wait)
        return await self._connection.request(
            call("GET", "/volumes/{}", volume_id, query=query, wait_seconds=wait or 0),
            VolumeResponse,
        )

    async def create(
        self,
        *,
        project_id: Id,
        name: str,
        mount_path: str,
        access: VolumeAccess | str | None = None,
        preview: PreviewVolume | str | None = None,
        size_limit: int | None = None,
        snapshot_every: int | None = None,
        snapshot_keep: int | None = None,
    ) -> VolumeResponse:
        """Create a volume. The next production deployment of the project mounts it."""
        body = json_body(
            project_id=project_id,
            name=name,
            mount_path=mount_path,
            access=access,
            preview=preview,
            size_limit=size_limit,
            snapshot_every=snapshot_every,
            snapshot_keep=snapshot_keep,
        )
        return await self._connection.request(call("POST", "/volumes", body=body), VolumeResponse)

    async def update(self, volume_id: Id, **changes: Unpack[VolumeChanges]) -> VolumeResponse:
        """Change settings of a volume. Omitted settings stay unchanged."""
        return await self._connection.request(
            call("PATCH", "/volumes/{}", volume_id, body=changes), VolumeResponse
        )

    async def detach(self, volume_id: Id) -> MessageResponse:
        """Detach a volume. Its files are kept for 7 days."""
        return await self._connection.request(
            call("DELETE", "/volumes/{}", volume_id), MessageResponse
        )

    async def attach(self, volume_id: Id, *, project_id: Id | None = None) -> VolumeResponse:
        """Attach a detached volume to its previous project, or to another one."""
        body = json_body(project_id=project_id)
        return await self._connection.request(
            call("POST", "/volumes/{}/attach", volume_id, body=body), VolumeResponse
        )

    async def purge(self, volume_id: Id, *, name: str) -> MessageResponse:
        """Delete a detached volume, its files and snapshots now. Repeat its *name* to confirm."""
        body = json_body(name=name)
        return await self._connection.request(
            call("POST", "/volumes/{}/purge", volume_id, body=body), MessageResponse
        )

    async def snapshot(self, volume_id: Id) -> SnapshotResponse:
        """Request a snapshot of a volume. Follow it with `client.snapshots.wait`."""
        return await self._connection.request(
            call("POST", "/volumes/{}/snapshots", volume_id), SnapshotResponse
        )

    async def download(self, volume_id: Id, *, path: str | None = None) -> AsyncStream[bytes]:
        """
        Yield an uncompressed tar archive of a volume.

        Args:
            volume_id: The volume.
            path: A file or directory in the volume. Defaults to the whole volume.
        """
        query = query_params(path=path)
        async for piece in self._connection.stream_bytes(
            call("GET", "/volumes/{}/files", volume_id, query=query)
        ):
            yield piece

    async def upload(
        self, volume_id: Id, *, content: bytes | AsyncIterable[bytes]
    ) -> MessageResponse:
        """
        Extract an uncompressed tar archive into a volume. Files with the same names are replaced.

        Args:
            volume_id: The volume.
            content: The archive. An iterable is iterated again if the call is retried.
        """
        return await self._connection.request(
            call("PUT", "/volumes/{}/files", volume_id, content=content), MessageResponse
        )
