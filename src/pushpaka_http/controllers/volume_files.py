"""Routes for the files of volumes."""

from http import HTTPStatus
from typing import Any

from litestar import Controller, Request, get, put
from litestar.params import FromPath
from litestar.response import Stream

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.services.volumes.file_transfer import VolumeFileTransfer
from pushpaka_http.bodies import announced_size
from pushpaka_http.dependencies import Injected
from pushpaka_http.openapi import BinaryBodyOperation, additional_errors
from pushpaka_http.parameters import FilePath
from pushpaka_http.schemas.lists import MessageResponse


class VolumeFileController(Controller):
    """The files of volumes, as uncompressed tar archives."""

    path = "/volumes/{volume_id:str}/files"
    tags = ("volumes",)

    @get("/", media_type="application/x-tar")
    async def download_volume_files(
        self,
        volume_id: FromPath[VolumeId],
        actor: Injected[Actor],
        volume_file_transfer: Injected[VolumeFileTransfer],
        path: FilePath = "",
    ) -> Stream:
        """
        Download files of a volume.

        The response is an uncompressed tar archive of the file or directory. If the app writes
        files during the download, the archive can be inconsistent. To get a consistent copy,
        restore a snapshot.
        """
        pieces = await volume_file_transfer.read(actor, volume_id, path)
        return Stream(pieces, media_type="application/x-tar")

    @put(
        "/",
        operation_class=BinaryBodyOperation,
        responses=additional_errors(HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    )
    async def upload_volume_files(
        self,
        request: Request[Any, Any, Any],
        volume_id: FromPath[VolumeId],
        actor: Injected[Actor],
        volume_file_transfer: Injected[VolumeFileTransfer],
    ) -> MessageResponse:
        """
        Upload files into a volume.

        The body is an uncompressed tar archive with paths relative to the volume. Files with the
        same names are replaced; other files are kept. If the upload is interrupted, some files may
        already have been written. The body can be as large as an archive, and must fit on the disk
        and within the volume's size limit. Otherwise, nothing is written.
        """
        await volume_file_transfer.write(
            actor, volume_id, request.stream(), size=announced_size(request)
        )
        return MessageResponse(message="The files were written to the volume.")
