"""From errors to answers: the one place where an error gets its status code."""

import logging
from collections.abc import Mapping
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
"""Seconds after which it makes sense to ask a platform again that was not available."""
MOST_DETAILS = 100
LONGEST_ECHO = 100
"""Characters of a field's name, which may be anything that a client made up."""

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
"""The status and the word for each kind of error and what derives from it; others are our fault."""

WATCH_CODES: Mapping[type[PushpakaError], int] = {
    InvalidInputError: 4400,
    NotAuthenticatedError: 4401,
    NotAllowedError: 4403,
    NotFoundError: 4404,
    TooManyRequestsError: 4429,
    UnavailableError: 1013,
}
"""The same for WebSockets, whose close codes from 4000 on are an application's own."""

_SENTENCES: Mapping[HTTPStatus, tuple[str, str]] = {
    HTTPStatus.BAD_REQUEST: ("The request cannot be understood.", "bad_request"),
    HTTPStatus.NOT_FOUND: ("There is nothing at this address.", "not_found"),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "This address does not take this method; the Allow header names those that it takes.",
        "method_not_allowed",
    ),
    HTTPStatus.REQUEST_TIMEOUT: ("The request took too long to arrive.", "too_slow"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("The body of the request is too large.", "too_large"),
    HTTPStatus.REQUEST_URI_TOO_LONG: ("The address is too long.", "address_too_long"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "The body must be JSON, with the Content-Type application/json.",
        "unsupported_media_type",
    ),
    HTTPStatus.UPGRADE_REQUIRED: (
        "This address speaks WebSocket only: ask for an upgrade, or read /sse beside it.",
        "upgrade_required",
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        "The headers of the request are too many or too long.",
        "headers_too_large",
    ),
}
_CUT_SHORT = "client disconnected prematurely"
"""What Litestar says where somebody leaves before all of their request is read."""
_HANGS_UP = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.REQUEST_URI_TOO_LONG,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
}


class UpgradeRequiredError(HTTPException):
    """Only a WebSocket leads on from here."""

    status_code = HTTPStatus.UPGRADE_REQUIRED


class UnsupportedMediaTypeError(HTTPException):
    """The body is not said to be JSON."""

    status_code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class RequestTooSlowError(HTTPException):
    """The body does not arrive in time."""

    status_code = HTTPStatus.REQUEST_TIMEOUT


class AddressTooLongError(HTTPException):
    """The request line is longer than anything that means something here."""

    status_code = HTTPStatus.REQUEST_URI_TOO_LONG


class HeadersTooLargeError(HTTPException):
    """There are more headers than an honest client sends."""

    status_code = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


@frozen(kw_only=True)
class _Answer:
    """What an error is turned into, before it is written."""

    status: HTTPStatus
    code: str
    sentence: str
    problems: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(factory=dict)

    def write(self, request_id: str) -> Response[ErrorResponse]:
        """Return the response, whose body is the same wherever the error came from."""
        body, headers = self.body(request_id), dict(self.headers)
        return Response(body, status_code=self.status, headers=headers)

    def body(self, request_id: str) -> ErrorResponse:
        """Return what is written into the response."""
        body = ErrorResponse(error=self.sentence, code=self.code, request_id=request_id)
        return body if self.problems is None else InvalidInputResponse.of(body, self.problems)


def request_id_of(scope: Scope) -> str:
    """Return the id that the outermost middleware gave to this request."""
    return str(scope["state"]["request_id"])


def error_for(error: Exception, request_id: str) -> ErrorResponse:
    """Return what tells of *error*, for who writes answers without a route."""
    return _answer_for(error).body(request_id)


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorResponse]:
    """Turn any error into the one shape that clients know."""
    return _answer_for(error).write(request_id_of(request.scope))


HANDLERS: ExceptionHandlersMap = {Exception: answer}
"""What Litestar is given: there is one way for all errors."""


def watch_code(error: PushpakaError) -> int | None:
    """Return the WebSocket close code for *error*, or None where it is our fault."""
    return next((WATCH_CODES[kind] for kind in type(error).__mro__ if kind in WATCH_CODES), None)


def _answer_for(error: Exception) -> _Answer:
    match error:
        case PushpakaError():
            return _for_ours(error)
        case ValidationException():
            # Parameters are judged before, and a body by its parser: there is none.
            return _for_problems({"body": "must be a JSON object"})
        case InternalServerException() if error.detail == _CUT_SHORT:
            return _for_http(ClientException())
        case HTTPException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _for_http(error)
        case _:
            return _for_fault(error)


def _for_ours(error: PushpakaError) -> _Answer:
    known = next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), None)
    if known is None:
        return _for_fault(error)
    status, code = known
    if isinstance(error, InvalidInputError):
        return _for_problems(error.problems)
    return _Answer(status=status, code=code, sentence=str(error), headers=_headers_for(error))


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


def _for_problems(problems: Mapping[str, str]) -> _Answer:
    status, code = CODES[InvalidInputError]
    shown = {name[:LONGEST_ECHO]: text for name, text in islice(problems.items(), MOST_DETAILS)}
    sentence = "The request is not valid: see the details."
    return _Answer(status=status, code=code, sentence=sentence, problems=shown)


def _for_http(error: HTTPException) -> _Answer:
    status = HTTPStatus(error.status_code)
    sentence, code = _SENTENCES.get(status, (f"{status.phrase}.", status.name.lower()))
    headers = dict(error.headers or {}) | ({"Connection": "close"} if status in _HANGS_UP else {})
    if "allow" in headers:
        headers["allow"] = _with_head(headers["allow"])
    problems: dict[str, str] | None = {} if status is HTTPStatus.BAD_REQUEST else None
    return _Answer(status=status, code=code, sentence=sentence, problems=problems, headers=headers)


def _with_head(allowed: str) -> str:
    """Return *allowed* with HEAD beside GET, in one order."""
    methods = {name for name in allowed.split(", ") if name.isupper()}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _for_fault(error: Exception) -> _Answer:
    """Say nothing but that it is our fault; the cause is in the log, under the same request id."""
    logger.error("a request failed", exc_info=error)
    return _Answer(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        code="internal",
        sentence="Something went wrong on our side; the server's log has more, by the request id.",
    )
