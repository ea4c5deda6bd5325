"""Converts HTTP responses to objects of the API or to errors."""

import json
import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from socket import gaierror
from typing import Any, TypeVar

import httpx

from pushpaka_core.errors import PushpakaError
from pushpaka_http.client.calls import Call
from pushpaka_http.client.deserialization import from_response
from pushpaka_http.client.errors import (
    BY_STATUS,
    ApiError,
    ServerError,
    UnexpectedResponseError,
    UnreachableError,
)
from pushpaka_http.schemas.errors import ErrorResponse, ProblemResponse

A = TypeVar("A")


def read_response(call: Call, response: httpx.Response, kind: type[A]) -> A:
    """
    Return the body of *response* as an object of type *kind*.

    Raises:
        ApiError: If the response is an error whose status is not in `call.accepted_statuses`.
        UnexpectedResponseError: If the body is not an object of this type, or not from Pushpaka.
    """
    require_success(call, response)
    return read_object(response, response.content, kind)


def require_success(call: Call, response: httpx.Response) -> None:
    """
    Raise the error in *response*, unless its status means success or is in
    `call.accepted_statuses`.
    """
    if not response.is_success and response.status_code not in call.accepted_statuses:
        raise _error_of(response)


def require_stream(call: Call, response: httpx.Response) -> None:
    """Raise an error unless *response* is a stream of Server-Sent Events."""
    require_success(call, response)
    if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
        raise UnexpectedResponseError(_request_url(response), "it does not stream events")


def read_object(response: httpx.Response, text: bytes | str, kind: type[A]) -> A:
    """
    Return the JSON in *text*, a part of *response*, as an object of type *kind*.

    Raises:
        UnexpectedResponseError: If *text* is not an object of this type.
    """
    try:
        return from_response(kind, json.loads(text))
    except (UnicodeDecodeError, json.JSONDecodeError):
        reason = f"it sent {_content_type(response)} instead of JSON"
        raise UnexpectedResponseError(_request_url(response), reason) from None
    except ValueError as error:
        raise UnexpectedResponseError(_request_url(response), str(error)) from None


def retry_after_seconds(response: httpx.Response) -> float | None:
    """Return the seconds to wait that the Retry-After header asks for, or None without it."""
    asked = response.headers.get("Retry-After", "")
    if asked.isdecimal():
        return float(asked)
    with suppress(ValueError):
        moment = parsedate_to_datetime(asked)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return None


def unreachable_error(address: str, error: httpx.TransportError) -> UnreachableError:
    """Return the error for a failed connection to *address*."""
    return UnreachableError(address, _reason(error))


def is_permanent(error: httpx.TransportError) -> bool:
    """Return True if a retry would fail too: unknown host, untrusted certificate or no TLS."""
    return isinstance(error, httpx.UnsupportedProtocol) or any(
        isinstance(cause, gaierror | ssl.SSLCertVerificationError) or _is_plain_text_reply(cause)
        for cause in _causes(error)
    )


def _error_of(response: httpx.Response) -> PushpakaError:
    status, phrase = response.status_code, response.reason_phrase
    if response.is_redirect:
        target = response.headers.get("Location", "elsewhere")
        return UnexpectedResponseError(_request_url(response), f"it redirects to {target}")
    with suppress(ValueError):
        return _api_error(response)
    if response.is_server_error:
        sentence = f"{_request_url(response)} responded with {status} {phrase}. Try again later."
        return ServerError(sentence, status=status, code="unavailable")
    reason = f"it responded with {status} {phrase} and {_content_type(response)}"
    return UnexpectedResponseError(_request_url(response), reason)


def _api_error(response: httpx.Response) -> ApiError:
    document: Any = json.loads(response.content)
    body = from_response(ErrorResponse, document)
    details = from_response(list[ProblemResponse], document.get("details") or [])
    kind = BY_STATUS.get(response.status_code)
    if kind is None:
        kind = ServerError if response.is_server_error else ApiError
    return kind(
        body.error,
        status=response.status_code,
        code=body.code,
        details=details,
        request_id=body.request_id,
        retry_after=retry_after_seconds(response),
    )


def _request_url(response: httpx.Response) -> str:
    """Return the URL of the request without its query, which may hold secrets."""
    return str(response.request.url.copy_with(query=None))


def _content_type(response: httpx.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0] or "no content"


def _reason(error: httpx.TransportError) -> str:
    for cause in _causes(error):
        match cause:
            case gaierror():
                return "its host name does not resolve"
            case ssl.SSLCertVerificationError():
                return f"its certificate is not trusted ({cause.verify_message})"
            case _ if _is_plain_text_reply(cause):
                return "it does not use TLS, like a server at an http:// URL"
            case ConnectionRefusedError():
                return "the connection was refused"
    if isinstance(error, httpx.TimeoutException):
        return "it did not respond in time"
    return str(error) or "the connection was lost"


def _is_plain_text_reply(cause: BaseException) -> bool:
    """Return True if the server replied to the TLS handshake with plain text."""
    return isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        inner = getattr(error, "exceptions", ())
        error = inner[0] if inner else error.__cause__ or error.__context__
