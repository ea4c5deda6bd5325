"""Archives: the files of a folder, sent where no Git server has them."""

from http import HTTPStatus
from typing import Any

from litestar import Controller, Request, Response, get, put
from litestar.openapi import ResponseSpec
from litestar.params import FromPath

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.services.archives import ArchiveService
from pushpaka_http.dependencies import Given
from pushpaka_http.openapi import WithArchive, also
from pushpaka_http.rate_limits import RateLimits
from pushpaka_http.schemas.archives import ArchiveResponse

_STATUSES = {True: HTTPStatus.CREATED, False: HTTPStatus.OK}


class ArchiveController(Controller):
    """What is deployed by `archive` instead of a commit."""

    path = "/projects/{project_id:str}/archives/{sha256:str}"
    tags = ("projects",)

    @get("/")
    async def show(
        self,
        project_id: FromPath[ProjectId],
        sha256: FromPath[str],
        actor: Given[Actor],
        archives: Given[ArchiveService],
    ) -> ArchiveResponse:
        """Show an archive that need not be sent again; 404 where it is not there."""
        return ArchiveResponse.of(await archives.get(actor, project_id, sha256))

    @put(
        "/",
        operation_class=WithArchive,
        responses={
            HTTPStatus.CREATED: ResponseSpec(
                ArchiveResponse, description="It was not there before.", generate_examples=False
            ),
            **also(HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        },
    )
    async def receive(
        self,
        *,
        request: Request[Any, Any, Any],
        project_id: FromPath[ProjectId],
        sha256: FromPath[str],
        actor: Given[Actor],
        archives: Given[ArchiveService],
        rate_limits: Given[RateLimits],
    ) -> Response[ArchiveResponse]:
        """
        Send a tar archive, packed by gzip, under the SHA-256 of its bytes.

        One that is there already is answered by 200 at once. Ask by GET first, so that it is
        not sent in vain.
        """
        await rate_limits.archive_of(actor, project_id)
        received = await archives.receive(actor, project_id, sha256, request.stream())
        return Response(
            ArchiveResponse.of(received.archive), status_code=_STATUSES[received.is_new]
        )
