"""Methods for databases."""

from pushpaka_core.domain.volumes.servers import DatabaseKind
from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Id, call, json_body
from pushpaka_http.schemas.databases import DatabaseResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse


class AsyncDatabases(AsyncNamespace):
    """Databases, whose servers Pushpaka runs."""

    async def list(self) -> ListResponse[DatabaseResponse]:
        """List your databases, newest first. Detached ones are included."""
        return await self._connection.request(
            call("GET", "/databases"), ListResponse[DatabaseResponse]
        )

    async def get(self, database_id: Id) -> DatabaseResponse:
        """Get a database, with its status and the disk space that its files use now."""
        return await self._connection.request(
            call("GET", "/databases/{}", database_id), DatabaseResponse
        )

    async def create(
        self,
        *,
        project_id: Id,
        name: str | None = None,
        kind: DatabaseKind | str | None = None,
        version: str | None = None,
        env_name: str | None = None,
        size_limit: int | None = None,
    ) -> DatabaseResponse:
        """
        Create a database, and start its server.

        Follow the start with `client.deployments.wait` and the `deployment_id` of the result.
        """
        body = json_body(
            project_id=project_id,
            name=name,
            kind=kind,
            version=version,
            env_name=env_name,
            size_limit=size_limit,
        )
        return await self._connection.request(
            call("POST", "/databases", body=body), DatabaseResponse
        )

    async def restart(self, database_id: Id) -> DatabaseResponse:
        """Restart the server of a database, or start it again."""
        return await self._connection.request(
            call("POST", "/databases/{}/restart", database_id), DatabaseResponse
        )

    async def detach(self, database_id: Id) -> MessageResponse:
        """Stop the server of a database. Its data is kept for 7 days."""
        return await self._connection.request(
            call("DELETE", "/databases/{}", database_id), MessageResponse
        )

    async def attach(self, database_id: Id, *, project_id: Id | None = None) -> DatabaseResponse:
        """Attach a detached database to its previous project or another one, and start it."""
        body = json_body(project_id=project_id)
        return await self._connection.request(
            call("POST", "/databases/{}/attach", database_id, body=body), DatabaseResponse
        )

    async def purge(self, database_id: Id, *, name: str) -> MessageResponse:
        """Delete a detached database and its data now. Repeat its *name* to confirm."""
        body = json_body(name=name)
        return await self._connection.request(
            call("POST", "/databases/{}/purge", database_id, body=body), MessageResponse
        )
