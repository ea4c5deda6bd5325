"""The entry point of the client; namespaces are imported on first use."""

from __future__ import annotations

import ssl
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx

from pushpaka_http.client.synchronous.connection import Connection
from pushpaka_http.client.retries import RetryPolicy
from pushpaka_http.client.urls import api_url

if TYPE_CHECKING:
    from pushpaka_http.client.synchronous.accounts import Audit, Auth, Tokens
    from pushpaka_http.client.synchronous.archives import Archives
    from pushpaka_http.client.synchronous.databases import Databases
    from pushpaka_http.client.synchronous.deployments import Deployments
    from pushpaka_http.client.synchronous.integrations import Notifications, Webhooks
    from pushpaka_http.client.synchronous.members import Invitations, Members
    from pushpaka_http.client.synchronous.platform import Health, System
    from pushpaka_http.client.synchronous.projects import DeployKeys, Projects
    from pushpaka_http.client.synchronous.settings import Domains, Env
    from pushpaka_http.client.synchronous.snapshots import Snapshots
    from pushpaka_http.client.synchronous.streaming import Events, Logs
    from pushpaka_http.client.synchronous.volumes import Volumes

_IDLE_SECONDS = 2
"""Idle connections are closed after this time, before the server does so after 5 s."""


class Client:
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
        transport: httpx.BaseTransport | None = None,
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
        http = httpx.Client(
            timeout=timeout,
            verify=verify,
            transport=transport,
            headers={"User-Agent": "pushpaka-client"},
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
        )
        self._connection = Connection(api_url(base_url), token, http, retry_policy)

    @property
    def base_url(self) -> str:
        """Return the base URL of the API, which ends with `/api/v1`."""
        return self._connection.address

    @cached_property
    def auth(self) -> Auth:
        """Registration, sign-in and the user's own account."""
        from pushpaka_http.client.synchronous.accounts import Auth

        return Auth(self._connection)

    @cached_property
    def tokens(self) -> Tokens:
        """API tokens that let programs act on behalf of a user."""
        from pushpaka_http.client.synchronous.accounts import Tokens

        return Tokens(self._connection)

    @cached_property
    def audit(self) -> Audit:
        """The audit log."""
        from pushpaka_http.client.synchronous.accounts import Audit

        return Audit(self._connection)

    @cached_property
    def system(self) -> System:
        """The state and the activity of the instance, for administrators."""
        from pushpaka_http.client.synchronous.platform import System

        return System(self._connection)

    @cached_property
    def health(self) -> Health:
        """Health checks and metrics of the server."""
        from pushpaka_http.client.synchronous.platform import Health

        return Health(self._connection)

    @cached_property
    def projects(self) -> Projects:
        """Projects."""
        from pushpaka_http.client.synchronous.projects import Projects

        return Projects(self._connection)

    @cached_property
    def deploy_keys(self) -> DeployKeys:
        """Deploy keys, which give access to repositories over SSH."""
        from pushpaka_http.client.synchronous.projects import DeployKeys

        return DeployKeys(self._connection)

    @cached_property
    def members(self) -> Members:
        """Members of projects, and invitations to projects."""
        from pushpaka_http.client.synchronous.members import Members

        return Members(self._connection)

    @cached_property
    def invitations(self) -> Invitations:
        """Invitations to the user."""
        from pushpaka_http.client.synchronous.members import Invitations

        return Invitations(self._connection)

    @cached_property
    def deployments(self) -> Deployments:
        """Deployments."""
        from pushpaka_http.client.synchronous.deployments import Deployments

        return Deployments(self._connection)

    @cached_property
    def archives(self) -> Archives:
        """Archives, which can be deployed in place of a commit."""
        from pushpaka_http.client.synchronous.archives import Archives

        return Archives(self._connection)

    @cached_property
    def logs(self) -> Logs:
        """Logs of deployments."""
        from pushpaka_http.client.synchronous.streaming import Logs

        return Logs(self._connection)

    @cached_property
    def events(self) -> Events:
        """Status changes of deployments."""
        from pushpaka_http.client.synchronous.streaming import Events

        return Events(self._connection)

    @cached_property
    def env(self) -> Env:
        """Environment variables of projects."""
        from pushpaka_http.client.synchronous.settings import Env

        return Env(self._connection)

    @cached_property
    def domains(self) -> Domains:
        """Custom domains."""
        from pushpaka_http.client.synchronous.settings import Domains

        return Domains(self._connection)

    @cached_property
    def volumes(self) -> Volumes:
        """Volumes, which keep files across deployments."""
        from pushpaka_http.client.synchronous.volumes import Volumes

        return Volumes(self._connection)

    @cached_property
    def snapshots(self) -> Snapshots:
        """Snapshots of volumes."""
        from pushpaka_http.client.synchronous.snapshots import Snapshots

        return Snapshots(self._connection)

    @cached_property
    def databases(self) -> Databases:
        """Databases, whose servers Pushpaka runs."""
        from pushpaka_http.client.synchronous.databases import Databases

        return Databases(self._connection)

    @cached_property
    def webhooks(self) -> Webhooks:
        """Webhooks that Git providers use to report pushes."""
        from pushpaka_http.client.synchronous.integrations import Webhooks

        return Webhooks(self._connection)

    @cached_property
    def notifications(self) -> Notifications:
        """Notification channels."""
        from pushpaka_http.client.synchronous.integrations import Notifications

        return Notifications(self._connection)

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"
