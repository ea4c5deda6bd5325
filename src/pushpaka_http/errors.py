"""Maps errors to HTTP responses and WebSocket close codes. No other module sets status codes."""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

from attrs import field, frozen
from litestar import Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    InternalServerException,
    ValidationException,
)
from litestar.types import ExceptionHandlersMap, Scope

from pushpaka_core.errors import (
    ConflictError,
    DuplicateError,
    InvalidInputError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    PlanFailedError,
    PushpakaError,
    QuotaReachedError,
    TooManyRequestsError,
    UnavailableError,
)
from pushpaka_http.schemas.errors import ErrorResponse, InvalidInputResponse

logger = logging.getLogger(__name__)

RETRY_AFTER_OUTAGE = 5
"""The value of the Retry-After header, in seconds, while a part of the platform is unavailable."""
MAX_DETAILS = 100
MAX_ECHO_LENGTH = 100
"""Maximum number of characters of a name from the request that an error response repeats."""

CODES: Mapping[type[PushpakaError], tuple[HTTPStatus, str]] = {
    InvalidInputError: (HTTPStatus.BAD_REQUEST, "invalid_input"),
    NotAuthenticatedError: (HTTPStatus.UNAUTHORIZED, "not_authenticated"),
    NotAllowedError: (HTTPStatus.FORBIDDEN, "not_allowed"),
    NotFoundError: (HTTPStatus.NOT_FOUND, "not_found"),
    PlanFailedError: (HTTPStatus.CONFLICT, "plan_failed"),
    DuplicateError: (HTTPStatus.CONFLICT, "duplicate"),
    QuotaReachedError: (HTTPStatus.CONFLICT, "quota_reached"),
    ConflictError: (HTTPStatus.CONFLICT, "conflict"),
    TooManyRequestsError: (HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests"),
    UnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
}
"""Status and error code by error class, also for subclasses. All other errors have status 500."""

CLOSE_CODES: Mapping[type[PushpakaError], int] = {
    InvalidInputError: 4400,
    NotAuthenticatedError: 4401,
    NotAllowedError: 4403,
    NotFoundError: 4404,
    TooManyRequestsError: 4429,
    UnavailableError: 1013,
}
"""WebSocket close codes by error class. RFC 6455 reserves 4000 to 4999 for applications."""

HTTP_MESSAGES: Mapping[HTTPStatus, tuple[str, str]] = {
    HTTPStatus.BAD_REQUEST: (
        "The request is malformed. Check its path, headers and body.",
        "bad_request",
    ),
    HTTPStatus.NOT_FOUND: (
        "Nothing was found at this path. Paths of the API begin with /api/v1.",
        "not_found",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "The path does not support this method. The Allow header lists the supported methods.",
        "method_not_allowed",
    ),
    HTTPStatus.REQUEST_TIMEOUT: (
        "The request took too long to arrive. Check the connection and send it again.",
        "too_slow",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "The request body is too large. Send less data, or ask the operator for a higher limit.",
        "too_large",
    ),
    HTTPStatus.REQUEST_URI_TOO_LONG: (
        "The URL is too long. Shorten its query.",
        "address_too_long",
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        'The body must be JSON. Send the header "Content-Type: application/json".',
        "unsupported_media_type",
    ),
    HTTPStatus.UPGRADE_REQUIRED: (
        "This path accepts WebSockets only. Upgrade the connection, or request /sse instead.",
        "upgrade_required",
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        "The request has too many or too large headers. Send fewer or shorter headers.",
        "headers_too_large",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        (
            "An internal error occurred. The operator can find the cause in the server log with "
            "the request id."
        ),
        "internal",
    ),
}
"""Message and error code by status, for errors that the core does not raise."""
HOST_NOT_ALLOWED = "host_not_allowed"
"""The error code for status 421."""
_DISCONNECTED_DETAIL = "client disconnected prematurely"
"""Litestar's error detail when the client disconnects before its request is complete."""
_CLOSES_CONNECTION = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.REQUEST_URI_TOO_LONG,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
}


class UpgradeRequiredError(HTTPException):
    """The route accepts WebSocket connections only."""

    status_code = HTTPStatus.UPGRADE_REQUIRED


class UnsupportedMediaTypeError(HTTPException):
    """The Content-Type of the body is not `application/json`."""

    status_code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class HostNotAllowedError(HTTPException):
    """The Host header names a host that is not allowed."""

    status_code = HTTPStatus.MISDIRECTED_REQUEST

    def __init__(self, host: str) -> None:
        """Create the error for *host*. The message names the setting that allows the host."""
        shown_host = host[:MAX_ECHO_LENGTH]
        super().__init__(
            detail=f'Host "{shown_host}" is not allowed. Add it to PUSHPAKA_ALLOWED_HOSTS.'
        )


class RequestTooSlowError(HTTPException):
    """The body did not arrive in time."""

    status_code = HTTPStatus.REQUEST_TIMEOUT


class UrlTooLongError(HTTPException):
    """The path and query are longer than `Limits.url_size`."""

    status_code = HTTPStatus.REQUEST_URI_TOO_LONG


class HeadersTooLargeError(HTTPException):
    """The headers exceed `Limits.header_size` or `Limits.header_count`."""

    status_code = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


@frozen(kw_only=True)
class _ErrorContent:
    """The content of an error response."""

    status: HTTPStatus
    code: str
    message: str
    problems: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(factory=dict)

    def response(self, request_id: str) -> Response[ErrorResponse]:
        """Return the response for the request with this id."""
        body, headers = self.body(request_id), dict(self.headers)
        return Response(body, status_code=self.status, headers=headers)

    def body(self, request_id: str) -> ErrorResponse:
        """Return the response body for the request with this id."""
        body = ErrorResponse(error=self.message, code=self.code, request_id=request_id)
        return body if self.problems is None else InvalidInputResponse.of(body, self.problems)


def request_id_of(scope: Scope) -> str:
    """Return the request id, which the outermost middleware sets."""
    return str(scope["state"]["request_id"])


def error_body(error: Exception, request_id: str) -> ErrorResponse:
    """Return the response body for *error*, for responses that are written without a route."""
    return _content_for(error).body(request_id)


def error_response(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorResponse]:
    """Return the error response for any exception. Log it unless it is the client's fault."""
    return _content_for(error).response(request_id_of(request.scope))


EXCEPTION_HANDLERS: ExceptionHandlersMap = {Exception: error_response}
"""The exception handlers for Litestar. One function handles all errors."""


def allow_header(methods: Iterable[str]) -> str:
    """Return the Allow header for the methods of a route, sorted. GET implies HEAD."""
    names = {name for name in methods if name.isupper()}  # without "websocket"
    return ", ".join(sorted(names | ({"HEAD"} if "GET" in names else set())))


def close_code(error: PushpakaError) -> int | None:
    """Return the WebSocket close code for *error*, or None if it is an internal error."""
    return next((CLOSE_CODES[kind] for kind in type(error).__mro__ if kind in CLOSE_CODES), None)


def _content_for(error: Exception) -> _ErrorContent:
    match error:
        case PushpakaError():
            return _pushpaka_error_content(error)
        case ValidationException():
            # Parameters and bodies are validated earlier, so only a missing body gets here.
            return _invalid_input_content({"body": "must be a JSON object"})
        case InternalServerException() if error.detail == _DISCONNECTED_DETAIL:
            return _http_exception_content(ClientException())
        case HTTPException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _http_exception_content(error)
        case _:
            return _internal_error_content(error)


def _pushpaka_error_content(error: PushpakaError) -> _ErrorContent:
    known = next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), None)
    if known is None:
        return _internal_error_content(error)
    status, code = known
    if isinstance(error, InvalidInputError):
        return _invalid_input_content(error.problems)
    return _ErrorContent(status=status, code=code, message=str(error), headers=_headers_for(error))


def _headers_for(error: PushpakaError) -> Mapping[str, str]:
    match error:
        case NotAuthenticatedError():
            return {"WWW-Authenticate": "Bearer"}
        case TooManyRequestsError():
            return {"Retry-After": str(error.retry_after)}
        case UnavailableError():
            return {"Retry-After": str(RETRY_AFTER_OUTAGE)}
        case _:
            return {}


def _invalid_input_content(problems: Mapping[str, str]) -> _ErrorContent:
    status, code = CODES[InvalidInputError]
    shown = {name[:MAX_ECHO_LENGTH]: text for name, text in islice(problems.items(), MAX_DETAILS)}
    sentence = "The request is invalid. Correct the fields listed in the details."
    return _ErrorContent(status=status, code=code, message=sentence, problems=shown)


def _http_exception_content(error: HTTPException) -> _ErrorContent:
    status = HTTPStatus(error.status_code)
    sentence, code = HTTP_MESSAGES.get(status, (f"{status.phrase}.", status.name.lower()))
    if isinstance(error, HostNotAllowedError):
        sentence, code = error.detail, HOST_NOT_ALLOWED
    headers = dict(error.headers or {}) | (
        {"Connection": "close"} if status in _CLOSES_CONNECTION else {}
    )
    if "allow" in headers:
        headers["allow"] = allow_header(headers["allow"].split(", "))
    problems: dict[str, str] | None = {} if status is HTTPStatus.BAD_REQUEST else None
    return _ErrorContent(
        status=status, code=code, message=sentence, problems=problems, headers=headers
    )


def _internal_error_content(error: Exception) -> _ErrorContent:
    """Log *error* and return a response that reveals only the request id."""
    logger.error("A request failed.", exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    sentence, code = HTTP_MESSAGES[status]
    return _ErrorContent(status=status, code=code, message=sentence)
