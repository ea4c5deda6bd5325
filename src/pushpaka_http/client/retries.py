"""Retries of failed calls."""

import random
import time
from collections.abc import Callable
from http import HTTPStatus

import httpx
from attrs import define, field, frozen

from pushpaka_http.client.calls import Call
from pushpaka_http.client.responses import is_permanent, retry_after_seconds

_RETRYABLE_STATUSES = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
_CONNECT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@frozen(kw_only=True)
class RetryPolicy:
    """
    The retry policy of a client.

    Idempotent calls are retried after a lost connection and after 429, 502, 503 and 504. Calls are
    idempotent if their method is GET, PUT or DELETE, or if they create a deployment, because these
    have an Idempotency-Key. Other calls are retried only if the server has certainly not processed
    them: if the connection could not be opened, and after 429. No call is retried if the host is
    unknown, its certificate is not trusted, or it does not use TLS although the URL is HTTPS.

    The pause before a retry is the Retry-After header of the response. Without this header, the
    pause grows exponentially, with random jitter, so that clients do not all retry at the same
    time. If the pause would exceed the rest of `total_seconds`, the last error is raised
    immediately.

    A DELETE that is retried after a lost connection may raise NotFoundError, because the first
    attempt may have succeeded.
    """

    total_seconds: float = 30
    """Seconds after the first attempt in which a retry may start. 0 disables retries."""
    initial_delay: float = 0.5
    """Pause in seconds before the first retry. Jitter shortens it by up to half."""
    max_delay: float = 8
    """Maximum pause in seconds without a Retry-After header."""


@define
class RetryState:
    """Decides whether and when to retry a call after each failed attempt."""

    _call: Call
    _retry_policy: RetryPolicy
    _now: Callable[[], float] = time.monotonic
    _started_at: float = field(init=False)
    _attempts: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.reset()

    def after_error(self, error: httpx.TransportError) -> float | None:
        """Return the seconds to wait before a retry, or None to give up."""
        if is_permanent(error):
            return None
        if self._call.is_idempotent or isinstance(error, _CONNECT_ERRORS):
            return self._delay(None)
        return None

    def after_response(self, response: httpx.Response) -> float | None:
        """Return the seconds to wait before a retry, or None to accept the response."""
        status = response.status_code
        if status in self._call.accepted_statuses:
            return None
        is_trouble = status in _RETRYABLE_STATUSES and self._call.is_idempotent
        if is_trouble or status == HTTPStatus.TOO_MANY_REQUESTS:
            return self._delay(retry_after_seconds(response))
        return None

    def after_disconnect(self) -> float | None:
        """Return the seconds to wait before resuming an interrupted stream, or None to give up."""
        return self._delay(None)

    def reset(self) -> None:
        """Restart the time limit and the pauses, because the last attempt made progress."""
        self._started_at, self._attempts = self._now(), 0

    def _delay(self, retry_after: float | None) -> float | None:
        longest = min(
            self._retry_policy.max_delay, self._retry_policy.initial_delay * 2**self._attempts
        )
        pause = random.uniform(longest / 2, longest) if retry_after is None else retry_after  # noqa: S311  # not a secret
        self._attempts += 1
        left = self._retry_policy.total_seconds - (self._now() - self._started_at)
        return pause if pause < left else None
