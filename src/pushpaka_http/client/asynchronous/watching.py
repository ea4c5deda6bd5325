"""What deployments say, and how they move."""

from pushpaka_core.domain.logs import LogLevel, LogStream
from pushpaka_http.client.answers import read_object
from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Id, call, queried
from pushpaka_http.client.events import LONGEST_SILENCE, Ready
from pushpaka_http.client.streams import AsyncStream
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.lists import ListResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse


class AsyncLogs(AsyncNamespace):
    """What deployments say."""

    async def list(
        self,
        deployment_id: Id,
        *,
        stream: LogStream | str | None = None,
        level: LogLevel | str | None = None,
        q: str | None = None,
        limit: int | None = None,
        after: int | None = None,
    ) -> ListResponse[DeploymentLogResponse]:
        """List the lines of a deployment's log, in their order."""
        query = queried(stream=stream, level=level, q=q, limit=limit, after=after)
        return await self._connection.ask(
            call("GET", "/logs/{}", deployment_id, query=query), ListResponse[DeploymentLogResponse]
        )

    async def follow(
        self, deployment_id: Id, *, after: int | None = None
    ) -> AsyncStream[DeploymentLogResponse]:
        """
        Yield the lines of a log as they come, each once, until it is over.

        A lost connection, a server that ends or is started anew, 429 and 503 are waited for as
        `Retries` tells, whose total begins anew with each line; then it goes on after the last
        line. Where a loop is left early, close the stream, as by `aclosing`.

        Raises:
            UnauthorizedError: If the token ends meanwhile: sign in, and go on with *after* being
                the `seq` of the last line.
            NotFoundError: If it is not yours to see any more.
            UnreachableError: If the instance stays away for longer than the total.
        """
        asked = call(
            "GET",
            "/logs/{}/sse",
            deployment_id,
            query=queried(after=after),
            seconds=LONGEST_SILENCE,
        )
        async for response, event in self._connection.follow(asked):
            yield read_object(response, event.data, DeploymentLogResponse)


class AsyncEvents(AsyncNamespace):
    """What happens to all that somebody may see."""

    async def follow(
        self, *, project_id: Id | None = None
    ) -> AsyncStream[DeploymentResponse | Ready]:
        """
        Yield deployments as they move, for ever; those of one project, or of all of yours.

        `Ready` comes first, and again after each lost connection: what moved in between is not
        told, so whoever shows something reads it anew then. Trouble is waited for, and raised,
        as by `logs.follow`.
        """
        asked = call(
            "GET", "/events", query=queried(project_id=project_id), seconds=LONGEST_SILENCE
        )
        while True:
            async for response, event in self._connection.follow(asked):
                if event.name == "ready":
                    yield Ready()
                elif event.name == "deployment":
                    yield read_object(response, event.data, DeploymentResponse)
