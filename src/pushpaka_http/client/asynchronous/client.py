"""All that an instance can be asked; what it is asked for is imported then."""

from __future__ import annotations

import ssl
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx

from pushpaka_http.client.addresses import api_address
from pushpaka_http.client.asynchronous.connection import AsyncConnection
from pushpaka_http.client.retries import Retries

if TYPE_CHECKING:
    from pushpaka_http.client.asynchronous.accounts import AsyncAudit, AsyncAuth, AsyncTokens
    from pushpaka_http.client.asynchronous.archives import AsyncArchives
    from pushpaka_http.client.asynchronous.deployments import AsyncDeployments
    from pushpaka_http.client.asynchronous.hooks import AsyncNotifications, AsyncWebhooks
    from pushpaka_http.client.asynchronous.platform import AsyncHealth, AsyncSystem
    from pushpaka_http.client.asynchronous.projects import AsyncDeployKeys, AsyncProjects
    from pushpaka_http.client.asynchronous.settings import AsyncDomains, AsyncEnv
    from pushpaka_http.client.asynchronous.teams import AsyncInvitations, AsyncMembers
    from pushpaka_http.client.asynchronous.watching import AsyncEvents, AsyncLogs

_IDLE_SECONDS = 2
"""After which a connection is not used again; an instance hangs up after 5, maybe in between."""


class AsyncClient:
    """
    Somebody who speaks to an instance of Pushpaka.

    It may be used as a context manager, or closed by `close`. Methods take the ids of their
    address by position, all else by keyword, and answer with the objects of the API. What
    they raise is in `pushpaka_http.client.errors`; what they repeat is told by `Retries`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        retries: Retries = Retries(),  # noqa: B008  # frozen
        timeout: float | httpx.Timeout = 30,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """
        Take where the instance is, and who speaks.

        Args:
            base_url: The address of the instance, with or without `/api/v1`.
            token: An API token, or one of a sign-in; none is needed to sign in.
            retries: How long calls are repeated that meet trouble.
            timeout: Seconds that one try may be silent; a call that waits on purpose gets more.
            verify: Whom to trust beside the usual authorities; False trusts everybody.
            transport: How requests are sent, where it is not over the network.
        """
        http = httpx.AsyncClient(
            timeout=timeout,
            verify=verify,
            transport=transport,
            headers={"User-Agent": "pushpaka-client"},
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
        )
        self._connection = AsyncConnection(api_address(base_url), token, http, retries)

    @property
    def base_url(self) -> str:
        """Return the address of the API."""
        return self._connection.address

    @cached_property
    def auth(self) -> AsyncAuth:
        """Sign up, sign in, and change one's own account."""
        from pushpaka_http.client.asynchronous.accounts import AsyncAuth

        return AsyncAuth(self._connection)

    @cached_property
    def tokens(self) -> AsyncTokens:
        """API tokens, for programs that act for somebody."""
        from pushpaka_http.client.asynchronous.accounts import AsyncTokens

        return AsyncTokens(self._connection)

    @cached_property
    def audit(self) -> AsyncAudit:
        """Who did what."""
        from pushpaka_http.client.asynchronous.accounts import AsyncAudit

        return AsyncAudit(self._connection)

    @cached_property
    def system(self) -> AsyncSystem:
        """What the instance runs on."""
        from pushpaka_http.client.asynchronous.platform import AsyncSystem

        return AsyncSystem(self._connection)

    @cached_property
    def health(self) -> AsyncHealth:
        """Whether the instance works."""
        from pushpaka_http.client.asynchronous.platform import AsyncHealth

        return AsyncHealth(self._connection)

    @cached_property
    def projects(self) -> AsyncProjects:
        """Repositories that are deployed."""
        from pushpaka_http.client.asynchronous.projects import AsyncProjects

        return AsyncProjects(self._connection)

    @cached_property
    def deploy_keys(self) -> AsyncDeployKeys:
        """What opens a project's repository over ssh."""
        from pushpaka_http.client.asynchronous.projects import AsyncDeployKeys

        return AsyncDeployKeys(self._connection)

    @cached_property
    def members(self) -> AsyncMembers:
        """The team of a project."""
        from pushpaka_http.client.asynchronous.teams import AsyncMembers

        return AsyncMembers(self._connection)

    @cached_property
    def invitations(self) -> AsyncInvitations:
        """What you are invited to."""
        from pushpaka_http.client.asynchronous.teams import AsyncInvitations

        return AsyncInvitations(self._connection)

    @cached_property
    def deployments(self) -> AsyncDeployments:
        """Attempts to turn a commit into something that runs."""
        from pushpaka_http.client.asynchronous.deployments import AsyncDeployments

        return AsyncDeployments(self._connection)

    @cached_property
    def archives(self) -> AsyncArchives:
        """Folders that are deployed without a Git server."""
        from pushpaka_http.client.asynchronous.archives import AsyncArchives

        return AsyncArchives(self._connection)

    @cached_property
    def logs(self) -> AsyncLogs:
        """What deployments say."""
        from pushpaka_http.client.asynchronous.watching import AsyncLogs

        return AsyncLogs(self._connection)

    @cached_property
    def events(self) -> AsyncEvents:
        """How deployments move."""
        from pushpaka_http.client.asynchronous.watching import AsyncEvents

        return AsyncEvents(self._connection)

    @cached_property
    def env(self) -> AsyncEnv:
        """Settings and secrets of applications."""
        from pushpaka_http.client.asynchronous.settings import AsyncEnv

        return AsyncEnv(self._connection)

    @cached_property
    def domains(self) -> AsyncDomains:
        """Names that owners bring along."""
        from pushpaka_http.client.asynchronous.settings import AsyncDomains

        return AsyncDomains(self._connection)

    @cached_property
    def webhooks(self) -> AsyncWebhooks:
        """What forges tell of pushes by."""
        from pushpaka_http.client.asynchronous.hooks import AsyncWebhooks

        return AsyncWebhooks(self._connection)

    @cached_property
    def notifications(self) -> AsyncNotifications:
        """Who is told how deployments end."""
        from pushpaka_http.client.asynchronous.hooks import AsyncNotifications

        return AsyncNotifications(self._connection)

    async def close(self) -> None:
        """Close what is open."""
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
