"""What is asked again after trouble, when, and for how long."""

import random
import time
from http import HTTPStatus

import httpx
from attrs import define, field, frozen

from pushpaka_http.client.answers import is_hopeless, seconds_to_wait
from pushpaka_http.client.calls import Call

_TROUBLE = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@frozen(kw_only=True)
class Retries:
    """
    How long a call that meets trouble is repeated.

    Repeated is what is harmless to repeat - GET, PUT, DELETE, and the POSTs that make a
    deployment, which carry an Idempotency-Key - after a lost connection and after 429, 502,
    503 and 504. Other calls are repeated only where they surely did nothing: when no
    connection came about, and after 429. Nothing is where the name of the server is unknown,
    its certificate is not to be trusted, or it speaks no TLS where that was asked for.

    The pause is what Retry-After asks for; else it grows from try to try, and is drawn by
    lot so that many clients do not come back at once. A Retry-After that is longer than what
    is left of the total ends it: then the error of the last try is raised at once.

    A DELETE that was repeated after a lost connection may find nothing any more, and raise
    NotFoundError: then the first try has done it.
    """

    total: float = 30
    """Seconds from the first try within which another one may begin; 0 repeats nothing."""
    first_pause: float = 0.5
    longest_pause: float = 8


@define
class Patience:
    """Decides, try by try, whether one call is repeated."""

    _call: Call
    _retries: Retries
    _began: float = field(factory=time.monotonic, init=False)
    _tries: int = field(default=0, init=False)

    def after_error(self, error: httpx.TransportError) -> float | None:
        """Return the pause before the next try; None gives up."""
        if is_hopeless(error):
            return None
        if self._call.may_be_repeated or isinstance(error, _NEVER_SENT):
            return self._pause(None)
        return None

    def after_answer(self, response: httpx.Response) -> float | None:
        """Return the pause before the next try; None takes the answer as it is."""
        status = response.status_code
        if status in self._call.answers:
            return None
        is_trouble = status in _TROUBLE and self._call.may_be_repeated
        if is_trouble or status == HTTPStatus.TOO_MANY_REQUESTS:
            return self._pause(seconds_to_wait(response))
        return None

    def after_end(self) -> float | None:
        """Return the pause before a stream that broke off is asked for again; None gives up."""
        return self._pause(None)

    def renew(self) -> None:
        """Begin anew, as the last try has come further."""
        self._began, self._tries = time.monotonic(), 0

    def _pause(self, asked: float | None) -> float | None:
        longest = min(self._retries.longest_pause, self._retries.first_pause * 2**self._tries)
        pause = random.uniform(longest / 2, longest) if asked is None else asked  # noqa: S311  # no secret
        self._tries += 1
        left = self._retries.total - (time.monotonic() - self._began)
        return pause if pause < left else None
