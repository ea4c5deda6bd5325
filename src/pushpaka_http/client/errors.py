"""
Errors of the client.

    PushpakaError
    ├── ApiError                    an error response; `status`, `code`, `message`, `details`
    │   ├── BadRequestError         400: correct the fields listed in `details`
    │   ├── UnauthorizedError       401: sign in again
    │   ├── ForbiddenError          403: the user or the token lacks the permission
    │   ├── NotFoundError           404: the object does not exist, or is not visible to you
    │   ├── ConflictError           409: not possible in the current state
    │   ├── TooManyRequestsError    429: retry after `retry_after` seconds
    │   └── ServerError             5xx: the server or a proxy in front of it failed
    ├── UnavailableError
    │   └── UnreachableError        the connection failed
    ├── UnexpectedResponseError     the response is not from a compatible Pushpaka server
    └── DeploymentTimeoutError      a deployment did not finish within the given time
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from pushpaka_core.errors import PushpakaError, UnavailableError
from pushpaka_http.schemas.errors import ProblemResponse


class ApiError(PushpakaError):
    """The server responded with an error."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        details: Sequence[ProblemResponse] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """
        Create the error for a response.

        Args:
            message: The message for users.
            status: The HTTP status.
            code: The error code for programs, for example `not_found`.
            details: The invalid fields and their problems.
            request_id: The id of the request in the server log.
            retry_after: Seconds to wait before a retry, or None if the server gave none.
        """
        super().__init__(message, status, code)
        self.message = message
        self.status = status
        self.code = code
        self.details = details
        self.request_id = request_id
        """The id of the request in the server log."""
        self.retry_after = retry_after

    def __str__(self) -> str:
        """Return the message with the invalid fields, and for 5xx errors the request id."""
        wrong = "; ".join(f"{problem.field} {problem.message}" for problem in self.details)
        found = f"(request {self.request_id})" if self.status >= 500 and self.request_id else ""
        return " ".join(filter(None, (self.message, wrong and f"{wrong}.", found)))


class BadRequestError(ApiError):
    """The request is invalid. `details` contains a message for each invalid field."""


class UnauthorizedError(ApiError):
    """The token is missing, expired or revoked."""


class ForbiddenError(ApiError):
    """The user or the token is not allowed to do this."""


class NotFoundError(ApiError):
    """The object does not exist, or the user cannot view it."""


class ConflictError(ApiError):
    """The call is not possible in the current state. `code` contains the reason."""


class TooManyRequestsError(ApiError):
    """A rate limit or quota is reached. `retry_after` contains the seconds to wait."""


class ServerError(ApiError):
    """The server or a proxy in front of it failed."""


class UnreachableError(UnavailableError):
    """The server cannot be reached."""

    def __init__(self, address: str, reason: str) -> None:
        """Create the error for *address*, with *reason* at the end of the message."""
        super().__init__(
            f"{address} cannot be reached: {reason}. Check the URL and whether the server is "
            "running, then try again."
        )
        self.address = address


class UnexpectedResponseError(PushpakaError):
    """The response is not from Pushpaka, or from an incompatible version."""

    def __init__(self, address: str, reason: str) -> None:
        """
        Create the error for the URL *address*. *reason* describes what is wrong with the
        response.
        """
        super().__init__(
            f"{address} does not respond like a Pushpaka server: {reason}. Check that the URL"
            " points to the API and that client and server have compatible versions."
        )
        self.address = address


class DeploymentTimeoutError(PushpakaError):
    """A deployment is neither running nor final after the given time."""

    def __init__(self, seconds: float, status: str) -> None:
        """Create the error after a wait of *seconds*, with the deployment's last *status*."""
        super().__init__(
            f"The deployment is still {status} after {seconds:g} s. It continues on the server;"
            " check its status later."
        )
        self.status = status


BY_STATUS: Mapping[int, type[ApiError]] = {
    HTTPStatus.BAD_REQUEST: BadRequestError,
    HTTPStatus.UNAUTHORIZED: UnauthorizedError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyRequestsError,
}
