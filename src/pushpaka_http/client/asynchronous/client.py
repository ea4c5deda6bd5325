"""All that an instance can be asked."""

import ssl
from types import TracebackType
from typing import Self

import httpx

from pushpaka_http.client.addresses import api_address
from pushpaka_http.client.asynchronous.accounts import AsyncAudit, AsyncAuth, AsyncTokens
from pushpaka_http.client.asynchronous.archives import AsyncArchives
from pushpaka_http.client.asynchronous.connection import AsyncConnection
from pushpaka_http.client.asynchronous.deployments import AsyncDeployments
from pushpaka_http.client.asynchronous.hooks import AsyncNotifications, AsyncWebhooks
from pushpaka_http.client.asynchronous.platform import AsyncHealth, AsyncSystem
from pushpaka_http.client.asynchronous.projects import AsyncDeployKeys, AsyncProjects
from pushpaka_http.client.asynchronous.settings import AsyncDomains, AsyncEnv
from pushpaka_http.client.asynchronous.teams import AsyncInvitations, AsyncMembers
from pushpaka_http.client.asynchronous.watching import AsyncEvents, AsyncLogs
from pushpaka_http.client.retries import Retries

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
        self.auth = AsyncAuth(self._connection)
        self.tokens = AsyncTokens(self._connection)
        self.audit = AsyncAudit(self._connection)
        self.system = AsyncSystem(self._connection)
        self.health = AsyncHealth(self._connection)
        self.projects = AsyncProjects(self._connection)
        self.deploy_keys = AsyncDeployKeys(self._connection)
        self.members = AsyncMembers(self._connection)
        self.invitations = AsyncInvitations(self._connection)
        self.deployments = AsyncDeployments(self._connection)
        self.archives = AsyncArchives(self._connection)
        self.logs = AsyncLogs(self._connection)
        self.events = AsyncEvents(self._connection)
        self.env = AsyncEnv(self._connection)
        self.domains = AsyncDomains(self._connection)
        self.webhooks = AsyncWebhooks(self._connection)
        self.notifications = AsyncNotifications(self._connection)

    @property
    def base_url(self) -> str:
        """Return the address of the API."""
        return self._connection.address

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
