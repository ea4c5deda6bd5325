"""From what came back to what it means: an object of the API, or an error."""

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
from pushpaka_http.client.errors import (
    BY_STATUS,
    ApiError,
    ServerError,
    UnexpectedAnswerError,
    UnreachableError,
)
from pushpaka_http.client.objects import from_answer
from pushpaka_http.schemas.errors import ErrorResponse, ProblemResponse

A = TypeVar("A")


def read_answer(call: Call, response: httpx.Response, kind: type[A]) -> A:
    """
    Return the object that *call* was answered with.

    Raises:
        ApiError: If the instance says no.
        UnexpectedAnswerError: If it is no such object.
    """
    require_success(call, response)
    return read_object(response, response.content, kind)


def require_success(call: Call, response: httpx.Response) -> None:
    """Raise the error that *call* was answered with, if it was."""
    if not response.is_success and response.status_code not in call.answers:
        raise _error_of(response)


def require_stream(call: Call, response: httpx.Response) -> None:
    """Raise what *response* is instead of a stream of events, if it is something else."""
    require_success(call, response)
    if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
        raise UnexpectedAnswerError(_asked(response), "it sends no events")


def read_object(response: httpx.Response, text: bytes | str, kind: type[A]) -> A:
    """Return the object in *text*, a part of *response*; else raise UnexpectedAnswerError."""
    try:
        return from_answer(kind, json.loads(text))
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise UnexpectedAnswerError(_asked(response), f"it {_kind_of(response)}") from None
    except ValueError as error:
        raise UnexpectedAnswerError(_asked(response), str(error)) from None


def seconds_to_wait(response: httpx.Response) -> float | None:
    """Return what the answer's Retry-After says, which may be seconds or a time."""
    asked = response.headers.get("Retry-After", "")
    if asked.isdecimal():
        return float(asked)
    with suppress(ValueError):
        moment = parsedate_to_datetime(asked)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return None


def unreachable(address: str, error: httpx.TransportError) -> UnreachableError:
    """Return what the user is told of a connection that failed."""
    return UnreachableError(address, _reason(error))


def is_hopeless(error: httpx.TransportError) -> bool:
    """Tell whether another try would fail as well: no such name, nobody to trust, or no TLS."""
    return isinstance(error, httpx.UnsupportedProtocol) or any(
        isinstance(cause, gaierror | ssl.SSLCertVerificationError) or _is_without_tls(cause)
        for cause in _causes(error)
    )


def _error_of(response: httpx.Response) -> PushpakaError:
    status, phrase = response.status_code, response.reason_phrase
    if response.is_redirect:
        target = response.headers.get("Location", "elsewhere")
        return UnexpectedAnswerError(_asked(response), f"it leads to {target}")
    with suppress(ValueError):
        return _api_error(response)
    if response.is_server_error:
        sentence = f"{_asked(response)} was answered with {status} {phrase}."
        return ServerError(sentence, status=status, code="unavailable")
    reason = f"it says {status} {phrase}, and {_kind_of(response)}"
    return UnexpectedAnswerError(_asked(response), reason)


def _api_error(response: httpx.Response) -> ApiError:
    document: Any = json.loads(response.content)
    told = from_answer(ErrorResponse, document)
    details = from_answer(list[ProblemResponse], document.get("details") or [])
    kind = BY_STATUS.get(response.status_code)
    if kind is None:
        kind = ServerError if response.is_server_error else ApiError
    return kind(
        told.error,
        status=response.status_code,
        code=told.code,
        details=details,
        request_id=told.request_id,
        retry_after=seconds_to_wait(response),
    )


def _asked(response: httpx.Response) -> str:
    """Return what was asked, without what a query might hold."""
    return str(response.request.url.copy_with(query=None))


def _kind_of(response: httpx.Response) -> str:
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    return f"sends {kind or 'nothing'} instead of JSON"


def _reason(error: httpx.TransportError) -> str:
    for cause in _causes(error):
        match cause:
            case gaierror():
                return "its name is not known"
            case ssl.SSLCertVerificationError():
                return f"its certificate is not to be trusted ({cause.verify_message})"
            case _ if _is_without_tls(cause):
                return "it speaks no TLS, as if its address began with http://"
            case ConnectionRefusedError():
                return "nobody listens there"
    if isinstance(error, httpx.TimeoutException):
        return "it takes too long to answer"
    return str(error) or "the connection was lost"


def _is_without_tls(cause: BaseException) -> bool:
    """Tell whether the answer to a greeting of TLS was none."""
    return isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        inner = getattr(error, "exceptions", ())
        error = inner[0] if inner else error.__cause__ or error.__context__
