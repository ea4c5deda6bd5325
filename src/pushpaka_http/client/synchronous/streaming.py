"""Methods for logs and for status changes of deployments."""

from pushpaka_core.domain.logs.logs import LogLevel, LogStream
from pushpaka_http.client.synchronous.connection import Namespace
from pushpaka_http.client.calls import Id, call, query_params
from pushpaka_http.client.responses import read_object
from pushpaka_http.client.streams import Stream, Ready
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.schemas.event_streams import KEEP_ALIVE_SECONDS
from pushpaka_http.schemas.lists import ListResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse


class Logs(Namespace):
    """Logs of deployments."""

    def list(
        self,
        deployment_id: Id,
        *,
        stream: LogStream | str | None = None,
        level: LogLevel | str | None = None,
        q: str | None = None,
        limit: int | None = None,
        after: int | None = None,
    ) -> ListResponse[DeploymentLogResponse]:
        """
        List lines of a deployment's log, in order.

        Args:
            deployment_id: The deployment.
            stream: Select only lines from this stream.
            level: Select only lines with this level.
            q: Select only lines that contain this text.
            limit: Maximum number of lines, 1 to 1000; None lists all.
            after: Selects only lines with a greater `seq`.
        """
        query = query_params(stream=stream, level=level, q=q, limit=limit, after=after)
        return self._connection.request(
            call("GET", "/logs/{}", deployment_id, query=query), ListResponse[DeploymentLogResponse]
        )

    def follow(
        self, deployment_id: Id, *, after: int | None = None
    ) -> Stream[DeploymentLogResponse]:
        """
        Yield each existing and future line of a log once, until the log is complete.

        After a lost connection, a restart of the server, or a status of 429 or 503, the stream
        resumes after the last line. Retries follow `RetryPolicy`, whose `total_seconds` restart
        with each line. If you leave the loop early, close the stream, for example with
        `contextlib.aclosing` (`closing` in synchronous code).

        Args:
            deployment_id: The deployment.
            after: Yield only lines with a greater `seq`; None yields all.

        Raises:
            UnauthorizedError: If the token expires or is revoked. Sign in again, and continue with
                *after* set to the `seq` of the last line.
            NotFoundError: If the user can no longer view the deployment.
            UnreachableError: If the server is unavailable for longer than
                `RetryPolicy.total_seconds`.
        """
        asked = call(
            "GET",
            "/logs/{}/sse",
            deployment_id,
            query=query_params(after=after),
            wait_seconds=KEEP_ALIVE_SECONDS,
        )
        for response, event in self._connection.stream_events(asked):
            yield read_object(response, event.data, DeploymentLogResponse)


class Events(Namespace):
    """Status changes of all deployments that the user can view."""

    def follow(
        self, *, project_id: Id | None = None
    ) -> Stream[DeploymentResponse | Ready]:
        """
        Yield each deployment whose status or phase changes, in its current state, forever.

        The first item is `Ready`, which is also yielded after each reconnection. Changes in between
        are lost, so load the current state after each `Ready`. Several changes in quick succession
        may be combined into one item.

        Args:
            project_id: The project, or None for all projects that the user can view.

        Raises:
            UnauthorizedError: If the token expires or is revoked.
            NotFoundError: If the user cannot view the project.
            UnreachableError: If the server is unavailable for longer than
                `RetryPolicy.total_seconds`.
        """
        asked = call(
            "GET",
            "/events",
            query=query_params(project_id=project_id),
            wait_seconds=KEEP_ALIVE_SECONDS,
        )
        while True:
            for response, event in self._connection.stream_events(asked):
                if event.event == "ready":
                    yield Ready()
                elif event.event == "deployment":
                    yield read_object(response, event.data, DeploymentResponse)
