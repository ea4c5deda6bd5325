"""Posts by HTTP, to addresses that were judged and to no others."""

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

from pushpaka_core.domain.hosts import USUAL_PORTS
from pushpaka_core.domain.networks import IPAddress
from pushpaka_core.errors import DeliveryRefusedError, ReceiverUnavailableError

Permits = Callable[[IPAddress], bool]
Resolve = Callable[[str, int], Awaitable[Sequence[IPAddress]]]
"""Looks a host name up: every address that it has, or OSError."""

_SECONDS = 15
_MOST_AT_ONCE = 100
_LATER = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


async def look_up(host: str, port: int) -> Sequence[IPAddress]:
    """Return what the system's resolver says of *host*."""
    answers = await anyio.getaddrinfo(host, port, type=SOCK_STREAM)
    return [ip_address(answer[4][0]) for answer in answers]


@cache
def usual_trust() -> SSLContext:
    """Read, which blocks, whose certificates are accepted; all posters share it, as it is large."""
    return httpx.create_ssl_context(trust_env=False)


@frozen
class HttpPoster:
    """Looks a name up once, and speaks to the address that was judged, if it is a permitted one."""

    _permits: Permits
    _resolve: Resolve = look_up
    _trust: Callable[[], SSLContext] = usual_trust
    _places: CapacityLimiter = field(factory=lambda: CapacityLimiter(_MOST_AT_ONCE), repr=False)

    async def post(self, url: str, /, *, headers: Mapping[str, str], body: bytes) -> None:
        """Send *body*."""
        wanted = _parsed(url)
        host = wanted.raw_host.decode()
        try:
            with anyio.fail_after(_SECONDS):
                address = await self._judged(wanted)
                status = await self._status(wanted, address, headers, body)
        except (TimeoutError, OSError, httpx.TransportError) as error:
            raise ReceiverUnavailableError(f"{host} does not answer.") from error
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise _refusal(host, status)

    async def _judged(self, url: httpx.URL) -> IPAddress:
        addresses = await self._resolve(url.host, url.port or USUAL_PORTS[url.scheme])
        if not addresses:
            raise OSError(f"{url.host} has no address")
        if not all(map(self._permits, addresses)):
            raise DeliveryRefusedError(
                f"{url.raw_host.decode()} leads to an address of this machine or a private network."
            )
        return addresses[0]

    async def _status(
        self, url: httpx.URL, address: IPAddress, headers: Mapping[str, str], body: bytes
    ) -> int:
        """Return the status of the answer, whose body nobody reads."""
        trust = await to_thread.run_sync(self._trust)
        async with (
            self._places,
            httpx.AsyncClient(verify=trust, trust_env=False, timeout=_SECONDS) as client,
            client.stream(
                "POST",
                url.copy_with(host=str(address)),
                headers={**headers, "Host": url.netloc.decode(), "User-Agent": "Pushpaka"},
                content=body,
                extensions={"sni_hostname": url.host},
            ) as response,
        ):
            return response.status_code


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        _ = parsed.host
    except (httpx.InvalidURL, UnicodeError):
        raise DeliveryRefusedError("The address names no host that there could be.") from None
    return parsed


def _refusal(host: str, status: int) -> ReceiverUnavailableError | DeliveryRefusedError:
    sentence = f"{host} answers {status}."
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ReceiverUnavailableError(sentence)
    return DeliveryRefusedError(sentence)
