"""All that an instance can be asked; what it is asked for is imported then."""

from __future__ import annotations

import ssl
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx

from pushpaka_http.client.addresses import api_address
from pushpaka_http.client.synchronous.connection import Connection
from pushpaka_http.client.retries import Retries

if TYPE_CHECKING:
    from pushpaka_http.client.synchronous.accounts import Audit, Auth, Tokens
    from pushpaka_http.client.synchronous.archives import Archives
    from pushpaka_http.client.synchronous.deployments import Deployments
    from pushpaka_http.client.synchronous.hooks import Notifications, Webhooks
    from pushpaka_http.client.synchronous.platform import Health, System
    from pushpaka_http.client.synchronous.projects import DeployKeys, Projects
    from pushpaka_http.client.synchronous.settings import Domains, Env
    from pushpaka_http.client.synchronous.teams import Invitations, Members
    from pushpaka_http.client.synchronous.watching import Events, Logs

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

    @property
    def base_url(self) -> str:
        """Return the address of the API."""
        return self._connection.address

    @cached_property
    def auth(self) -> Auth:
        """Sign up, sign in, and change one's own account."""
        from pushpaka_http.client.synchronous.accounts import Auth

        return Auth(self._connection)

    @cached_property
    def tokens(self) -> Tokens:
        """API tokens, for programs that act for somebody."""
        from pushpaka_http.client.synchronous.accounts import Tokens

        return Tokens(self._connection)

    @cached_property
    def audit(self) -> Audit:
        """Who did what."""
        from pushpaka_http.client.synchronous.accounts import Audit

        return Audit(self._connection)

    @cached_property
    def system(self) -> System:
        """What the instance runs on."""
        from pushpaka_http.client.synchronous.platform import System

        return System(self._connection)

    @cached_property
    def health(self) -> Health:
        """Whether the instance works."""
        from pushpaka_http.client.synchronous.platform import Health

        return Health(self._connection)

    @cached_property
    def projects(self) -> Projects:
        """Repositories that are deployed."""
        from pushpaka_http.client.synchronous.projects import Projects

        return Projects(self._connection)

    @cached_property
    def deploy_keys(self) -> DeployKeys:
        """What opens a project's repository over ssh."""
        from pushpaka_http.client.synchronous.projects import DeployKeys

        return DeployKeys(self._connection)

    @cached_property
    def members(self) -> Members:
        """The team of a project."""
        from pushpaka_http.client.synchronous.teams import Members

        return Members(self._connection)

    @cached_property
    def invitations(self) -> Invitations:
        """What you are invited to."""
        from pushpaka_http.client.synchronous.teams import Invitations

        return Invitations(self._connection)

    @cached_property
    def deployments(self) -> Deployments:
        """Attempts to turn a commit into something that runs."""
        from pushpaka_http.client.synchronous.deployments import Deployments

        return Deployments(self._connection)

    @cached_property
    def archives(self) -> Archives:
        """Folders that are deployed without a Git server."""
        from pushpaka_http.client.synchronous.archives import Archives

        return Archives(self._connection)

    @cached_property
    def logs(self) -> Logs:
        """What deployments say."""
        from pushpaka_http.client.synchronous.watching import Logs

        return Logs(self._connection)

    @cached_property
    def events(self) -> Events:
        """How deployments move."""
        from pushpaka_http.client.synchronous.watching import Events

        return Events(self._connection)

    @cached_property
    def env(self) -> Env:
        """Settings and secrets of applications."""
        from pushpaka_http.client.synchronous.settings import Env

        return Env(self._connection)

    @cached_property
    def domains(self) -> Domains:
        """Names that owners bring along."""
        from pushpaka_http.client.synchronous.settings import Domains

        return Domains(self._connection)

    @cached_property
    def webhooks(self) -> Webhooks:
        """What forges tell of pushes by."""
        from pushpaka_http.client.synchronous.hooks import Webhooks

        return Webhooks(self._connection)

    @cached_property
    def notifications(self) -> Notifications:
        """Who is told how deployments end."""
        from pushpaka_http.client.synchronous.hooks import Notifications

        return Notifications(self._connection)

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
