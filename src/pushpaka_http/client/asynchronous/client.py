"""The entry point of the client; namespaces are imported on first use."""

from __future__ import annotations

import ssl
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx

from pushpaka_http.client.asynchronous.connection import AsyncConnection
from pushpaka_http.client.retries import RetryPolicy
from pushpaka_http.client.urls import api_url

if TYPE_CHECKING:
    from pushpaka_http.client.asynchronous.accounts import AsyncAudit, AsyncAuth, AsyncTokens
    from pushpaka_http.client.asynchronous.archives import AsyncArchives
    from pushpaka_http.client.asynchronous.databases import AsyncDatabases
    from pushpaka_http.client.asynchronous.deployments import AsyncDeployments
    from pushpaka_http.client.asynchronous.integrations import AsyncNotifications, AsyncWebhooks
    from pushpaka_http.client.asynchronous.members import AsyncInvitations, AsyncMembers
    from pushpaka_http.client.asynchronous.platform import AsyncHealth, AsyncSystem
    from pushpaka_http.client.asynchronous.projects import AsyncDeployKeys, AsyncProjects
    from pushpaka_http.client.asynchronous.settings import AsyncDomains, AsyncEnv
    from pushpaka_http.client.asynchronous.snapshots import AsyncSnapshots
    from pushpaka_http.client.asynchronous.streaming import AsyncEvents, AsyncLogs
    from pushpaka_http.client.asynchronous.volumes import AsyncVolumes

_IDLE_SECONDS = 2
"""Idle connections are closed after this time, before the server does so after 5 s."""


class AsyncClient:
    """
    A client of one Pushpaka server.

    Use it as a context manager, or call `close` when done. Methods take ids in the path as
    positional arguments and everything else as keyword arguments, and return API objects. They
    raise the errors of `pushpaka_http.client.errors`, and retry calls as `RetryPolicy` describes.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        retry_policy: RetryPolicy = RetryPolicy(),  # noqa: B008  # frozen
        timeout: float | httpx.Timeout = 30,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """
        Create a client. No connection is opened yet.

        Args:
            base_url: The URL of the server, with or without `/api/v1`.
            token: An API token or session token; None until `auth.login` or `auth.register`.
            retry_policy: How long and how often failed calls are retried.
            timeout: Timeout of a single attempt in seconds, for connecting and for each read or
                write; long-polling calls extend the read timeout.
            verify: The TLS context that verifies the server. True uses the default certificate
                authorities, False disables verification.
            transport: The httpx transport, for example to call an ASGI application in-process.

        Raises:
            InvalidInputError: If *base_url* is not a valid server URL.
        """
        http = httpx.AsyncClient(
            timeout=timeout,
            verify=verify,
            transport=transport,
            headers={"User-Agent": "pushpaka-client"},
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
        )
        self._connection = AsyncConnection(api_url(base_url), token, http, retry_policy)

    @property
    def base_url(self) -> str:
        """Return the base URL of the API, which ends with `/api/v1`."""
        return self._connection.address

    @cached_property
    def auth(self) -> AsyncAuth:
        """Registration, sign-in and the user's own account."""
        from pushpaka_http.client.asynchronous.accounts import AsyncAuth

        return AsyncAuth(self._connection)

    @cached_property
    def tokens(self) -> AsyncTokens:
        """API tokens that let programs act on behalf of a user."""
        from pushpaka_http.client.asynchronous.accounts import AsyncTokens

        return AsyncTokens(self._connection)

    @cached_property
    def audit(self) -> AsyncAudit:
        """The audit log."""
        from pushpaka_http.client.asynchronous.accounts import AsyncAudit

        return AsyncAudit(self._connection)

    @cached_property
    def system(self) -> AsyncSystem:
        """The state and the activity of the instance, for administrators."""
        from pushpaka_http.client.asynchronous.platform import AsyncSystem

        return AsyncSystem(self._connection)

    @cached_property
    def health(self) -> AsyncHealth:
        """Health checks and metrics of the server."""
        from pushpaka_http.client.asynchronous.platform import AsyncHealth

        return AsyncHealth(self._connection)

    @cached_property
    def projects(self) -> AsyncProjects:
        """Projects."""
        from pushpaka_http.client.asynchronous.projects import AsyncProjects

        return AsyncProjects(self._connection)

    @cached_property
    def deploy_keys(self) -> AsyncDeployKeys:
        """Deploy keys, which give access to repositories over SSH."""
        from pushpaka_http.client.asynchronous.projects import AsyncDeployKeys

        return AsyncDeployKeys(self._connection)

    @cached_property
    def members(self) -> AsyncMembers:
        """Members of projects, and invitations to projects."""
        from pushpaka_http.client.asynchronous.members import AsyncMembers

        return AsyncMembers(self._connection)

    @cached_property
    def invitations(self) -> AsyncInvitations:
        """Invitations to the user."""
        from pushpaka_http.client.asynchronous.members import AsyncInvitations

        return AsyncInvitations(self._connection)

    @cached_property
    def deployments(self) -> AsyncDeployments:
        """Deployments."""
        from pushpaka_http.client.asynchronous.deployments import AsyncDeployments

        return AsyncDeployments(self._connection)

    @cached_property
    def archives(self) -> AsyncArchives:
        """Archives, which can be deployed in place of a commit."""
        from pushpaka_http.client.asynchronous.archives import AsyncArchives

        return AsyncArchives(self._connection)

    @cached_property
    def logs(self) -> AsyncLogs:
        """Logs of deployments."""
        from pushpaka_http.client.asynchronous.streaming import AsyncLogs

        return AsyncLogs(self._connection)

    @cached_property
    def events(self) -> AsyncEvents:
        """Status changes of deployments."""
        from pushpaka_http.client.asynchronous.streaming import AsyncEvents

        return AsyncEvents(self._connection)

    @cached_property
    def env(self) -> AsyncEnv:
        """Environment variables of projects."""
        from pushpaka_http.client.asynchronous.settings import AsyncEnv

        return AsyncEnv(self._connection)

    @cached_property
    def domains(self) -> AsyncDomains:
        """Custom domains."""
        from pushpaka_http.client.asynchronous.settings import AsyncDomains

        return AsyncDomains(self._connection)

    @cached_property
    def volumes(self) -> AsyncVolumes:
        """Volumes, which keep files across deployments."""
        from pushpaka_http.client.asynchronous.volumes import AsyncVolumes

        return AsyncVolumes(self._connection)

    @cached_property
    def snapshots(self) -> AsyncSnapshots:
        """Snapshots of volumes."""
        from pushpaka_http.client.asynchronous.snapshots import AsyncSnapshots

        return AsyncSnapshots(self._connection)

    @cached_property
    def databases(self) -> AsyncDatabases:
        """Databases, whose servers Pushpaka runs."""
        from pushpaka_http.client.asynchronous.databases import AsyncDatabases

        return AsyncDatabases(self._connection)

    @cached_property
    def webhooks(self) -> AsyncWebhooks:
        """Webhooks that Git providers use to report pushes."""
        from pushpaka_http.client.asynchronous.integrations import AsyncWebhooks

        return AsyncWebhooks(self._connection)

    @cached_property
    def notifications(self) -> AsyncNotifications:
        """Notification channels."""
        from pushpaka_http.client.asynchronous.integrations import AsyncNotifications

        return AsyncNotifications(self._connection)

    async def close(self) -> None:
        """Close all connections."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"
