"""Sends webhook requests, to permitted addresses only."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from ipaddress import ip_address
from socket import SOCK_STREAM
from ssl import SSLContext

import anyio
import httpx
from anyio import CapacityLimiter, to_thread
from attrs import field, frozen

from pushpaka_core.domain.networks import IPAddress
from pushpaka_core.domain.routing.hosts import DEFAULT_PORTS
from pushpaka_core.errors import DeliveryRejectedError, ReceiverUnavailableError

Permits = Callable[[IPAddress], bool]
Resolve = Callable[[str, int], Awaitable[Sequence[IPAddress]]]
"""Resolves a host name to all its addresses, or raises OSError."""

_TIMEOUT_SECONDS = 15
_MAX_CONCURRENT = 100
_RETRYABLE_STATUSES = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


async def resolve_host(host: str, port: int) -> Sequence[IPAddress]:
    """Return the addresses of *host* from the system's resolver."""
    answers = await anyio.getaddrinfo(host, port, type=SOCK_STREAM)
    return [ip_address(answer[4][0]) for answer in answers]


@cache
def default_ssl_context() -> SSLContext:
    """Return an SSL context with the default CAs. Blocks; cached, because it is large."""
    return httpx.create_ssl_context(trust_env=False)


@frozen
class HttpWebhookClient:
    """
    Sends requests to the address that was checked.

    A host name is resolved once, so its address cannot change between the check and the connection
    (DNS rebinding). At most 100 requests run at once.
    """

    _permits: Permits
    _resolve: Resolve = resolve_host
    _ssl_context: Callable[[], SSLContext] = default_ssl_context
    _slots: CapacityLimiter = field(factory=lambda: CapacityLimiter(_MAX_CONCURRENT), repr=False)

    async def post(self, url: str, /, *, headers: Mapping[str, str], body: bytes) -> None:
        """
        Send *body* in a POST request, with a timeout of 15 s.

        Raises:
            DeliveryRejectedError: If the URL or its address is not permitted, or the response is a
                3xx or 4xx that makes a retry useless.
            ReceiverUnavailableError: If there is no response, or the response makes a retry
                worthwhile.
        """
        parsed_url = _parse_url(url)
        host = parsed_url.raw_host.decode()
        try:
            with anyio.fail_after(_TIMEOUT_SECONDS):
                address = await self._permitted_address(parsed_url)
                status = await self._send(parsed_url, address, headers, body)
        except (TimeoutError, OSError, httpx.TransportError) as error:
            raise ReceiverUnavailableError(
                f"{host} could not be reached, or did not respond in time. Check the URL and the "
                "server."
            ) from error
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise _error_for(host, status)

    async def _permitted_address(self, url: httpx.URL) -> IPAddress:
        addresses = await self._resolve(url.host, url.port or DEFAULT_PORTS[url.scheme])
        if not addresses:
            raise OSError(f"{url.host} has no address")
        if not all(map(self._permits, addresses)):
            raise DeliveryRejectedError(
                f"{url.raw_host.decode()} resolves to an address of this machine or a private"
                " network. The operator can allow that network."
            )
        return addresses[0]

    async def _send(
        self, url: httpx.URL, address: IPAddress, headers: Mapping[str, str], body: bytes
    ) -> int:
        """Return the status of the response, without reading its body."""
        trust = await to_thread.run_sync(self._ssl_context)
        async with (
            self._slots,
            httpx.AsyncClient(verify=trust, trust_env=False, timeout=_TIMEOUT_SECONDS) as client,
            client.stream(
                "POST",
                url.copy_with(host=str(address)),
                headers={**headers, "Host": url.netloc.decode(), "User-Agent": "Pushpaka"},
                content=body,
                extensions={"sni_hostname": url.host},
            ) as response,
        ):
            return response.status_code


def _parse_url(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        _ = parsed.host
    except (httpx.InvalidURL, UnicodeError):
        raise DeliveryRejectedError(
            "The host name in the URL is not valid. Correct the URL."
        ) from None
    return parsed


def _error_for(host: str, status: int) -> ReceiverUnavailableError | DeliveryRejectedError:
    sentence = f"{host} responded with status {status}. Check the URL and the server."
    if status in _RETRYABLE_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ReceiverUnavailableError(sentence)
    return DeliveryRejectedError(sentence)
