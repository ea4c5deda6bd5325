"""Methods for snapshots of volumes."""

from time import monotonic

from pushpaka_core.domain.volumes.snapshots import SnapshotStatus
from pushpaka_http.client.synchronous.connection import Namespace
from pushpaka_http.client.calls import Id, call, json_body, query_params
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.snapshots import SnapshotResponse
from pushpaka_http.schemas.volumes import VolumeResponse

_LONG_POLL_SECONDS = 30
_UNFINISHED = {SnapshotStatus.PENDING, SnapshotStatus.RUNNING}


class Snapshots(Namespace):
    """Snapshots of volumes. `client.volumes.snapshot` takes one."""

    def list(self, *, volume_id: Id | None = None) -> ListResponse[SnapshotResponse]:
        """List the snapshots of a volume, or of all your volumes, newest first."""
        query = query_params(volume_id=volume_id)
        return self._connection.request(
            call("GET", "/snapshots", query=query), ListResponse[SnapshotResponse]
        )

    def get(self, snapshot_id: Id, *, wait: int | None = None) -> SnapshotResponse:
        """
        Get a snapshot.

        Args:
            snapshot_id: The snapshot.
            wait: Seconds to wait for the snapshot to be available or failed, at most 300.
        """
        query = query_params(wait=wait)
        return self._connection.request(
            call("GET", "/snapshots/{}", snapshot_id, query=query, wait_seconds=wait or 0),
            SnapshotResponse,
        )

    def wait(self, snapshot_id: Id, *, seconds: float | None = None) -> SnapshotResponse:
        """
        Wait until a snapshot is available or failed, and return it.

        Args:
            snapshot_id: The snapshot.
            seconds: Maximum time to wait; None waits without limit. The snapshot continues after
                the timeout.
        """
        began = monotonic()
        while True:
            left = _LONG_POLL_SECONDS if seconds is None else began + seconds - monotonic()
            wait = min(_LONG_POLL_SECONDS, max(0, round(left)))
            snapshot = self.get(snapshot_id, wait=wait)
            if snapshot.status not in _UNFINISHED or (seconds is not None and left <= wait):
                return snapshot

    def restore(self, snapshot_id: Id, *, into: str) -> VolumeResponse:
        """Restore a snapshot into a new volume with the name *into*."""
        body = json_body(into=into)
        return self._connection.request(
            call("POST", "/snapshots/{}/restore", snapshot_id, body=body), VolumeResponse
        )

    def delete(self, snapshot_id: Id) -> MessageResponse:
        """Delete a snapshot. The volume is unchanged."""
        return self._connection.request(
            call("DELETE", "/snapshots/{}", snapshot_id), MessageResponse
        )
