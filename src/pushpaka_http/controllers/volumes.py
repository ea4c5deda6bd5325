"""Routes for volumes."""

from datetime import timedelta
from functools import partial

from litestar import Controller, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.volumes.volumes import (
    NewVolume,
    VolumeAttachment,
    VolumeChanges,
    VolumePurge,
)
from pushpaka_core.services.volumes.snapshots import SnapshotService
from pushpaka_core.services.volumes.volumes import VolumeService
from pushpaka_http.authentication import Token
from pushpaka_http.dependencies import Injected
from pushpaka_http.openapi import OptionalBodyOperation
from pushpaka_http.parameters import RestoreWait
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.snapshots import SnapshotResponse
from pushpaka_http.schemas.volumes import VolumeResponse
from pushpaka_http.streaming.streams import LongPolling

_PREVIOUS_PROJECT = VolumeAttachment()


class VolumeController(Controller):
    """Volumes, which keep files across deployments."""

    path = "/volumes"
    tags = ("volumes",)

    @post("/")
    async def create_volume(
        self,
        data: JSONBody[NewVolume],
        actor: Injected[Actor],
        volumes: Injected[VolumeService],
    ) -> VolumeResponse:
        """
        Create a volume.

        The next production deployment of the project mounts it.
        """
        return VolumeResponse.of(await volumes.create(actor, data))

    @get("/")
    async def list_volumes(
        self, actor: Injected[Actor], volumes: Injected[VolumeService]
    ) -> ListResponse[VolumeResponse]:
        """
        List volumes.

        Contains the volumes of all projects that you can view, newest first, and those of your
        deleted projects. Sizes are measured every hour.
        """
        return ListResponse(data=[VolumeResponse.of(one) for one in await volumes.all(actor)])

    @get("/{volume_id:str}")
    async def get_volume(
        self,
        *,
        volume_id: FromPath[VolumeId],
        actor: Injected[Actor],
        token: Injected[Token],
        volumes: Injected[VolumeService],
        snapshots: Injected[SnapshotService],
        long_polling: Injected[LongPolling],
        wait: RestoreWait = 0,
    ) -> VolumeResponse:
        """
        Get a volume.

        Measures the disk space that its files use now. With `wait`, the response is sent once the
        files of a snapshot were restored or could not be, or after that many seconds.
        """
        news = partial(snapshots.wait_for_restore, actor, volume_id, timedelta(seconds=wait))
        await long_polling.wait_for(actor, token, wait, news)
        return VolumeResponse.of(await volumes.get(actor, volume_id))

    @patch("/{volume_id:str}")
    async def update_volume(
        self,
        volume_id: FromPath[VolumeId],
        data: JSONBody[VolumeChanges],
        actor: Injected[Actor],
        volumes: Injected[VolumeService],
    ) -> VolumeResponse:
        """
        Change the settings of a volume.

        Omitted fields stay unchanged. The changes apply to the next deployment. `null` removes the
        size limit or ends automatic snapshots.
        """
        return VolumeResponse.of(await volumes.change(actor, volume_id, data))

    @delete("/{volume_id:str}", status_code=HTTP_200_OK)
    async def detach_volume(
        self,
        volume_id: FromPath[VolumeId],
        actor: Injected[Actor],
        volumes: Injected[VolumeService],
    ) -> MessageResponse:
        """
        Detach a volume.

        The next deployment runs without it. The files are kept for 7 days, and longer while
        instances use them. Until then, you can attach the volume again.
        """
        volume = await volumes.detach(actor, volume_id)
        return MessageResponse(
            message=f"The volume was detached. Its files are kept until {volume.purge_after:%F}."
        )

    @post("/{volume_id:str}/attach", status_code=HTTP_200_OK, operation_class=OptionalBodyOperation)
    async def attach_volume(
        self,
        volume_id: FromPath[VolumeId],
        actor: Injected[Actor],
        volumes: Injected[VolumeService],
        data: JSONBody[VolumeAttachment] = _PREVIOUS_PROJECT,
    ) -> VolumeResponse:
        """
        Attach a detached volume.

        Attaches the volume to its previous target, or to production of another of your projects.
        The next deployment mounts it.
        """
        return VolumeResponse.of(await volumes.attach(actor, volume_id, data))

    @post("/{volume_id:str}/snapshots")
    async def create_snapshot(
        self,
        volume_id: FromPath[VolumeId],
        actor: Injected[Actor],
        snapshots: Injected[SnapshotService],
    ) -> SnapshotResponse:
        """
        Take a snapshot of a volume.

        A worker copies the files, repeats the copy if the files changed in the meantime, and reads
        the copy back to verify it. Wait for it with GET /snapshots/:id?wait=30. It fails if the
        disk is too full, or the owner has reached the maximum size of volumes and snapshots.
        """
        return SnapshotResponse.of(await snapshots.take(actor, volume_id))

    @post("/{volume_id:str}/purge", status_code=HTTP_200_OK)
    async def purge_volume(
        self,
        volume_id: FromPath[VolumeId],
        data: JSONBody[VolumePurge],
        actor: Injected[Actor],
        volumes: Injected[VolumeService],
    ) -> MessageResponse:
        """
        Delete a detached volume and its files now.

        To confirm, repeat the name of the volume. Its snapshots are deleted too. The files cannot
        be restored.
        """
        await volumes.purge(actor, volume_id, data)
        return MessageResponse(message="The volume, its files and its snapshots were deleted.")
