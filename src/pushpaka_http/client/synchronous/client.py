"""All that an instance can be asked."""

import ssl
from types import TracebackType
from typing import Self

import httpx

from pushpaka_http.client.addresses import api_address
from pushpaka_http.client.synchronous.accounts import Audit, Auth, Tokens
from pushpaka_http.client.synchronous.archives import Archives
from pushpaka_http.client.synchronous.connection import Connection
from pushpaka_http.client.synchronous.deployments import Deployments
from pushpaka_http.client.synchronous.hooks import Notifications, Webhooks
from pushpaka_http.client.synchronous.platform import Health, System
from pushpaka_http.client.synchronous.projects import DeployKeys, Projects
from pushpaka_http.client.synchronous.settings import Domains, Env
from pushpaka_http.client.synchronous.teams import Invitations, Members
from pushpaka_http.client.synchronous.watching import Events, Logs
from pushpaka_http.client.retries import Retries

_IDLE_SECONDS = 2
"""After which a connection is not used again; an instance hangs up after 5, maybe in between."""


class Client:
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
        transport: httpx.BaseTransport | None = None,
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
        http = httpx.Client(
            timeout=timeout,
            verify=verify,
            transport=transport,
            headers={"User-Agent": "pushpaka-client"},
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
        )
        self._connection = Connection(api_address(base_url), token, http, retries)
        self.auth = Auth(self._connection)
        self.tokens = Tokens(self._connection)
        self.audit = Audit(self._connection)
        self.system = System(self._connection)
        self.health = Health(self._connection)
        self.projects = Projects(self._connection)
        self.deploy_keys = DeployKeys(self._connection)
        self.members = Members(self._connection)
        self.invitations = Invitations(self._connection)
        self.deployments = Deployments(self._connection)
        self.archives = Archives(self._connection)
        self.logs = Logs(self._connection)
        self.events = Events(self._connection)
        self.env = Env(self._connection)
        self.domains = Domains(self._connection)
        self.webhooks = Webhooks(self._connection)
        self.notifications = Notifications(self._connection)

    @property
    def base_url(self) -> str:
        """Return the address of the API."""
        return self._connection.address

    def close(self) -> None:
        """Close what is open."""
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
