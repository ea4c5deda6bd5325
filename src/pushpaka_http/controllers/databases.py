"""Routes for databases."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.databases.databases import DatabaseAttachment, DatabasePurge, NewDatabase
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.services.databases.databases import DatabaseService
from pushpaka_http.dependencies import Injected
from pushpaka_http.openapi import OptionalBodyOperation
from pushpaka_http.schemas.databases import DatabaseResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse

_PREVIOUS_PROJECT = DatabaseAttachment()


class DatabaseController(Controller):
    """Databases, whose servers Pushpaka runs."""

    path = "/databases"
    tags = ("databases",)

    @post("/")
    async def create_database(
        self,
        data: JSONBody[NewDatabase],
        actor: Injected[Actor],
        databases: Injected[DatabaseService],
    ) -> DatabaseResponse:
        """
        Create a database.

        Its server is started. The next production deployment of the project gets the URL of the
        database in an environment variable.
        """
        return DatabaseResponse.of(await databases.create(actor, data))

    @get("/")
    async def list_databases(
        self, actor: Injected[Actor], databases: Injected[DatabaseService]
    ) -> ListResponse[DatabaseResponse]:
        """
        List databases.

        Contains the databases of all projects that you can view, newest first, and those of your
        deleted projects. Sizes are measured every hour.
        """
        return ListResponse(data=[DatabaseResponse.of(one) for one in await databases.all(actor)])

    @get("/{database_id:str}")
    async def get_database(
        self,
        database_id: FromPath[VolumeId],
        actor: Injected[Actor],
        databases: Injected[DatabaseService],
    ) -> DatabaseResponse:
        """
        Get a database.

        Measures the disk space that its files use now.
        """
        return DatabaseResponse.of(await databases.get(actor, database_id))

    @post("/{database_id:str}/restart", status_code=HTTP_200_OK)
    async def restart_database(
        self,
        database_id: FromPath[VolumeId],
        actor: Injected[Actor],
        databases: Injected[DatabaseService],
    ) -> DatabaseResponse:
        """
        Restart the server of a database.

        A server that is stopped or could not be started is started again.
        """
        return DatabaseResponse.of(await databases.restart(actor, database_id))

    @delete("/{database_id:str}", status_code=HTTP_200_OK)
    async def detach_database(
        self,
        database_id: FromPath[VolumeId],
        actor: Injected[Actor],
        databases: Injected[DatabaseService],
    ) -> MessageResponse:
        """
        Detach a database.

        Its server is stopped, and the environment variable with its URL is deleted. The data is
        kept for 7 days. Until then, you can attach the database again.
        """
        database = await databases.detach(actor, database_id)
        return MessageResponse(
            message="The database was detached. Its data is kept until "
            f"{database.volume.purge_after:%F}."
        )

    @post(
        "/{database_id:str}/attach", status_code=HTTP_200_OK, operation_class=OptionalBodyOperation
    )
    async def attach_database(
        self,
        database_id: FromPath[VolumeId],
        actor: Injected[Actor],
        databases: Injected[DatabaseService],
        data: JSONBody[DatabaseAttachment] = _PREVIOUS_PROJECT,
    ) -> DatabaseResponse:
        """
        Attach a detached database.

        Attaches the database to its previous project, or to another of your projects, and starts
        its server. The next production deployment of the project gets its URL.
        """
        return DatabaseResponse.of(await databases.attach(actor, database_id, data))

    @post("/{database_id:str}/purge", status_code=HTTP_200_OK)
    async def purge_database(
        self,
        database_id: FromPath[VolumeId],
        data: JSONBody[DatabasePurge],
        actor: Injected[Actor],
        databases: Injected[DatabaseService],
    ) -> MessageResponse:
        """
        Delete a detached database and its data now.

        To confirm, repeat the name of the database. The data cannot be restored.
        """
        await databases.purge(actor, database_id, data)
        return MessageResponse(message="The database and its data were deleted.")
