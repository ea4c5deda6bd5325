"""Routes for snapshots of volumes."""

from datetime import timedelta
from functools import partial

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import SnapshotId
from pushpaka_core.domain.volumes.snapshots import SnapshotRestore
from pushpaka_core.services.volumes.snapshots import SnapshotService
from pushpaka_http.authentication import Token
from pushpaka_http.dependencies import Injected
from pushpaka_http.parameters import SnapshotWait, VolumeFilter
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.snapshots import SnapshotResponse
from pushpaka_http.schemas.volumes import VolumeResponse
from pushpaka_http.streaming.streams import LongPolling


class SnapshotController(Controller):
    """Snapshots of volumes, which can be restored into new volumes."""

    path = "/snapshots"
    tags = ("snapshots",)

    @get("/")
    async def list_snapshots(
        self,
        actor: Injected[Actor],
        snapshots: Injected[SnapshotService],
        volume_id: VolumeFilter = None,
    ) -> ListResponse[SnapshotResponse]:
        """
        List snapshots.

        Contains the snapshots of one volume, or of all volumes that you can view, newest first.
        """
        found = await snapshots.all(actor, volume_id)
        return ListResponse(data=[SnapshotResponse.of(one) for one in found])

    @get("/{snapshot_id:str}")
    async def get_snapshot(
        self,
        *,
        snapshot_id: FromPath[SnapshotId],
        actor: Injected[Actor],
        token: Injected[Token],
        snapshots: Injected[SnapshotService],
        long_polling: Injected[LongPolling],
        wait: SnapshotWait = 0,
    ) -> SnapshotResponse:
        """
        Get a snapshot.

        While it is running, `bytes_done` and `bytes_total` show its progress. With `wait`, the
        response is sent once the snapshot is available or failed, or after that
        many seconds.
        """
        news = partial(snapshots.wait, actor, snapshot_id, timedelta(seconds=wait))
        return SnapshotResponse.of(await long_polling.wait_for(actor, token, wait, news))

    @post("/{snapshot_id:str}/restore")
    async def restore_snapshot(
        self,
        snapshot_id: FromPath[SnapshotId],
        data: JSONBody[SnapshotRestore],
        actor: Injected[Actor],
        snapshots: Injected[SnapshotService],
    ) -> VolumeResponse:
        """
        Restore a snapshot into a new volume.

        No existing volume is changed. The new volume is detached until its files are complete. It
        is then attached for the next deployment, unless it belongs to a preview, or an attached
        volume has the same name or an overlapping path. Detach that volume to attach the new one.
        Wait for it with GET /volumes/:id?wait=30.

        Files that are larger than the size limit of the volume are not restored.
        """
        return VolumeResponse.of(await snapshots.restore(actor, snapshot_id, data))

    @delete("/{snapshot_id:str}", status_code=HTTP_200_OK)
    async def delete_snapshot(
        self,
        snapshot_id: FromPath[SnapshotId],
        actor: Injected[Actor],
        snapshots: Injected[SnapshotService],
    ) -> MessageResponse:
        """
        Delete a snapshot.

        The volume and its files are unchanged. The snapshot cannot be recovered.
        """
        deleted = await snapshots.delete(actor, snapshot_id)
        return MessageResponse(
            message=f"The snapshot of {deleted.created_at:%F %R} UTC was deleted."
        )
