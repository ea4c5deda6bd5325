"""Folders that are deployed without a Git server."""

from collections.abc import Iterable

from pushpaka_http.client.synchronous.connection import Namespace
from pushpaka_http.client.calls import Id, call
from pushpaka_http.schemas.archives import ArchiveResponse


class Archives(Namespace):
    """The files of folders, by the SHA-256 of their archives."""

    def get(self, project_id: Id, sha256: str) -> ArchiveResponse:
        """Show an archive that need not be sent again; 404 where it is not there."""
        return self._connection.ask(
            call("GET", "/projects/{}/archives/{}", project_id, sha256), ArchiveResponse
        )

    def send(
        self, project_id: Id, sha256: str, *, content: bytes | Iterable[bytes]
    ) -> ArchiveResponse:
        """
        Send a tar archive, packed by gzip, that a deployment can name then.

        What *content* yields is asked for anew where the call is repeated.
        """
        return self._connection.ask(
            call("PUT", "/projects/{}/archives/{}", project_id, sha256, content=content),
            ArchiveResponse,
        )
