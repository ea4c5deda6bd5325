"""Methods for archives, which can be deployed in place of a commit."""

from collections.abc import AsyncIterable

from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Id, call
from pushpaka_http.schemas.archives import ArchiveResponse


class AsyncArchives(AsyncNamespace):
    """Archives of source code, identified by their SHA-256."""

    async def get(self, project_id: Id, sha256: str) -> ArchiveResponse:
        """Return an uploaded archive. NotFoundError means that you must upload it first."""
        return await self._connection.request(
            call("GET", "/projects/{}/archives/{}", project_id, sha256), ArchiveResponse
        )

    async def send(
        self, project_id: Id, sha256: str, *, content: bytes | AsyncIterable[bytes]
    ) -> ArchiveResponse:
        """
        Upload a gzip-compressed tar archive, so that it can be deployed.

        Args:
            project_id: The project that will deploy the archive.
            sha256: The SHA-256 of *content* in hexadecimal.
            content: The archive. An iterable is iterated again if the call is retried.
        """
        return await self._connection.request(
            call("PUT", "/projects/{}/archives/{}", project_id, sha256, content=content),
            ArchiveResponse,
        )
