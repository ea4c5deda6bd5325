"""Folders that are deployed without a Git server."""

from collections.abc import AsyncIterable

from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Id, call
from pushpaka_http.schemas.archives import ArchiveResponse


class AsyncArchives(AsyncNamespace):
    """The files of folders, by the SHA-256 of their archives."""

    async def get(self, project_id: Id, sha256: str) -> ArchiveResponse:
        """Show an archive that need not be sent again; 404 where it is not there."""
        return await self._connection.ask(
            call("GET", "/projects/{}/archives/{}", project_id, sha256), ArchiveResponse
        )

    async def send(
        self, project_id: Id, sha256: str, *, content: bytes | AsyncIterable[bytes]
    ) -> ArchiveResponse:
        """
        Send a tar archive, packed by gzip, that a deployment can name then.

        What *content* yields is asked for anew where the call is repeated.
        """
        return await self._connection.ask(
            call("PUT", "/projects/{}/archives/{}", project_id, sha256, content=content),
            ArchiveResponse,
        )
