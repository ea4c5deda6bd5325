"""Routes for archives: uploaded source code of projects without a Git repository."""

from http import HTTPStatus
from typing import Any

from litestar import Controller, Request, Response, get, put
from litestar.openapi import ResponseSpec
from litestar.params import FromPath

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.services.projects.archives import ArchiveService
from pushpaka_http.bodies import announced_size
from pushpaka_http.dependencies import Injected
from pushpaka_http.middleware.rate_limits import RateLimiter
from pushpaka_http.openapi import BinaryBodyOperation, additional_errors
from pushpaka_http.schemas.archives import ArchiveResponse

_STATUS_BY_NOVELTY = {True: HTTPStatus.CREATED, False: HTTPStatus.OK}


class ArchiveController(Controller):
    """Archives, which can be deployed in place of a commit."""

    path = "/projects/{project_id:str}/archives/{sha256:str}"
    tags = ("projects",)

    @get("/")
    async def get_archive(
        self,
        project_id: FromPath[ProjectId],
        sha256: FromPath[str],
        actor: Injected[Actor],
        archives: Injected[ArchiveService],
    ) -> ArchiveResponse:
        """
        Check whether an archive was uploaded.

        404 means that you must upload the archive before you can deploy it.
        """
        return ArchiveResponse.of(await archives.get(actor, project_id, sha256))

    @put(
        "/",
        operation_class=BinaryBodyOperation,
        responses={
            HTTPStatus.CREATED: ResponseSpec(
                ArchiveResponse, description="The archive is new.", generate_examples=False
            ),
            **additional_errors(HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        },
    )
    async def upload_archive(
        self,
        *,
        request: Request[Any, Any, Any],
        project_id: FromPath[ProjectId],
        sha256: FromPath[str],
        actor: Injected[Actor],
        archives: Injected[ArchiveService],
        rate_limiter: Injected[RateLimiter],
    ) -> Response[ArchiveResponse]:
        """
        Upload an archive.

        The body is a gzip-compressed tar archive, and the path contains the SHA-256 of its bytes.
        If the archive already exists, the response is 200; to avoid the upload, check with GET
        first.
        """
        await rate_limiter.count_archive(actor, project_id)
        received = await archives.receive(
            actor, project_id, sha256, request.stream(), max_size=announced_size(request)
        )
        return Response(
            ArchiveResponse.of(received.archive), status_code=_STATUS_BY_NOVELTY[received.is_new]
        )
