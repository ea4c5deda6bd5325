"""
What can go wrong between a client and an instance.

    PushpakaError
    ├── ApiError                    the instance has said no; `status`, `code`, `message`, `details`
    │   ├── BadRequestError         400: mend the fields that `details` names
    │   ├── UnauthorizedError       401: sign in again
    │   ├── ForbiddenError          403: ask somebody who may
    │   ├── NotFoundError           404: there is no such thing for you
    │   ├── ConflictError           409: look at the present state, then decide
    │   ├── TooManyRequestsError    429: wait for `retry_after` seconds
    │   └── ServerError             5xx: the instance, or what stands before it, has trouble
    ├── UnavailableError
    │   └── UnreachableError        nobody answers at the address
    ├── UnexpectedAnswerError       who answers is no Pushpaka
    └── NotSettledError             a deployment takes longer than one wanted to wait
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from pushpaka_core.errors import PushpakaError, UnavailableError
from pushpaka_http.schemas.errors import ProblemResponse


class ApiError(PushpakaError):
    """An instance has refused a call, or could not do it."""

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
        """Take what the instance says."""
        super().__init__(message, status, code)
        self.message = message
        self.status = status
        self.code = code
        self.details = details
        self.request_id = request_id
        """By which the operator finds the call in the server's log."""
        self.retry_after = retry_after

    def __str__(self) -> str:
        """Return all that helps: the sentence, each wrong field, and where the cause is found."""
        wrong = "; ".join(f"{problem.field} {problem.message}" for problem in self.details)
        found = f"(request {self.request_id})" if self.status >= 500 and self.request_id else ""
        return " ".join(filter(None, (self.message, wrong and f"{wrong}.", found)))


class BadRequestError(ApiError):
    """The request is not valid; `details` has a sentence for each wrong field."""


class UnauthorizedError(ApiError):
    """The token is missing, or not good any more."""


class ForbiddenError(ApiError):
    """Whose token it is may not do this."""


class NotFoundError(ApiError):
    """It does not exist, or not for whose token it is."""


class ConflictError(ApiError):
    """It is not possible in the present state; `code` tells what is in the way."""


class TooManyRequestsError(ApiError):
    """A limit is reached for now; `retry_after` has the seconds until another try makes sense."""


class ServerError(ApiError):
    """The instance, or what stands before it, cannot answer."""


class UnreachableError(UnavailableError):
    """Nobody answers at the address."""

    def __init__(self, address: str, reason: str) -> None:
        """Take the address, and what is in the way."""
        super().__init__(
            f"{address} cannot be reached: {reason}. See whether the address is right and the"
            " server runs, then try again."
        )
        self.address = address


class UnexpectedAnswerError(PushpakaError):
    """Who answers is no Pushpaka, or one that this client does not understand."""

    def __init__(self, address: str, reason: str) -> None:
        """Take what was asked, and what is wrong with the answer."""
        super().__init__(
            f"{address} does not answer as a Pushpaka does: {reason}. See whether the address is"
            " that of the API, and whether client and server are of about the same version."
        )
        self.address = address


class NotSettledError(PushpakaError):
    """A deployment neither runs nor is over after the time that one wanted to wait."""

    def __init__(self, seconds: float, status: str) -> None:
        """Take how long it was waited for, and how far it has come."""
        super().__init__(f"After {seconds:g} s the deployment is still {status}.")
        self.status = status


BY_STATUS: Mapping[int, type[ApiError]] = {
    HTTPStatus.BAD_REQUEST: BadRequestError,
    HTTPStatus.UNAUTHORIZED: UnauthorizedError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyRequestsError,
}
