"""HTTP requests to servers that users configure, notifications, and DNS lookups."""

from collections.abc import Collection, Mapping
from typing import Protocol

from pushpaka_core.domain.routing.custom_domains import HostRecords


class WebhookClient(Protocol):
    """
    Sends requests to untrusted URLs.

    The host name is resolved and its address is checked before the connection is made. The
    connection is then made to exactly this address.
    """

    async def post(self, url: str, /, *, headers: Mapping[str, str], body: bytes) -> None:
        """
        Send *body* in a POST request and return once the server has accepted it.

        Redirects are not followed.

        Raises:
            ReceiverUnavailableError: If the server did not accept the request. A later attempt may
                succeed.
            DeliveryRejectedError: If the server rejected the request for good, or its address must
                not be contacted.
        """


class NotificationGateway(Protocol):
    """
    Sends notifications to services that users configure by URL.

    The URLs contain passwords and tokens, so they must not appear in command lines, logs or error
    messages. Requests to private networks are refused.
    """

    @property
    def is_installed(self) -> bool:
        """Return True if the library that sends notifications is installed."""
        ...

    async def supports(self, url: str, /) -> bool:
        """
        Return True if *url* is a valid URL of a supported service. No connection is made.

        Raises:
            ReceiverUnavailableError: If the URL cannot be checked at the moment.
        """
        ...

    async def send(self, url: str, /, *, title: str, body: str) -> None:
        """
        Send a notification and return once the service has accepted it.

        Raises:
            ReceiverUnavailableError: If the service did not accept the notification. A later
                attempt may succeed.
            DeliveryRejectedError: If the URL is invalid or points to a network that must not be
                contacted.
        """


class DnsResolver(Protocol):
    """
    Queries DNS name servers without caching.

    Names are ASCII, fully qualified and without a trailing dot. A name that does not exist has no
    records. A lookup takes at most a few seconds, even if the name servers do not respond.
    """

    async def txt_records(self, name: str, /) -> Collection[str]:
        """
        Return the values of the TXT records of *name*, without those that are not valid UTF-8.

        Raises:
            DnsLookupError: If the name servers do not respond or report a failure.
        """
        ...

    async def host_records(self, name: str, /) -> HostRecords:
        """
        Return the CNAME of *name*, and the addresses that it resolves to after following all
        aliases.

        Raises:
            DnsLookupError: If the name servers do not respond or report a failure.
        """
        ...
